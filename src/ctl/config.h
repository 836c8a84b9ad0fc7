#ifndef CTL_CONFIG_H
#define CTL_CONFIG_H
/*
 * config.h - the configuration, typed and checked: what the YAML file means.
 *
 * Made by config_parse() (config_check.c) from text by the tables in schema_config.c. A struct config that was returned is complete,
 * defaults filled in, names unique, references resolved to indexes. Nobody edits it afterwards. Control thread, and the CLI for `config check`.
 */
#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/addr.h"
#include "ctl/config_adapter.h"
#include "ctl/config_mistakes.h"
#include "ctl/config_vf.h"

#define CONFIG_TEXT_MAX (1 << 20) /* bytes of one file */
#define CONFIG_CPUS_MAX 64        /* processors, and entries of processors.cpus */
#define CONFIG_ADAPTERS_MAX 16
#define CONFIG_SWITCHES_MAX 64
#define CONFIG_PORTS_MAX 1024
#define CONFIG_ADDRESSES_MAX 8
#define CONFIG_STATICS_MAX 1024
#define CONFIG_SOCKET_MAX 64 /* name of a socket in the run directory, with NUL */

struct config_processors {
	unsigned count;                 /* 1 to CONFIG_CPUS_MAX; default: entries of cpus, else online CPUs */
	unsigned count_asked;           /* what the file says; 0: nothing, count is the default */
	unsigned cpus[CONFIG_CPUS_MAX]; /* processor i runs on cpus[i % n_cpus] */
	unsigned n_cpus;                /* 0: not given, all online CPUs in order */
	bool poll;                      /* idle: poll */
	unsigned speed_percent;         /* 1 to 100: emulated, capped at this share of a core; 0: real */
};

enum config_vlan_mode { VLAN_UNTAGGED, VLAN_ACCESS, VLAN_TRUNK };
struct config_vlan {
	enum config_vlan_mode mode;
	uint16_t id;                 /* access: 1 to 4094 */
	uint16_t native;             /* trunk: VLAN of untagged frames; 0: frames stay untagged (VLAN 0) */
	uint64_t allowed[4096 / 64]; /* trunk: bit per VID, the native one's among them */
};

enum config_nic { NIC_TAP, NIC_VHOST, NIC_VF };
enum config_vrss_scheduling { VRSS_DYNAMIC, VRSS_STATIC };
struct config_vrss {
	bool enabled;        /* default on */
	unsigned min_queues; /* queue pairs that stay in the table when it is folded; 1 to queues, default 1 */
	enum config_vrss_scheduling
		scheduling;   /* default dynamic: the balancer moves its queues, and folds the table */
	bool exclude_primary; /* default off: the first queue pair is left out of the table */
};

enum config_moderation { INTERRUPTS_ADAPTIVE, INTERRUPTS_OFF, INTERRUPTS_LOW, INTERRUPTS_MEDIUM, INTERRUPTS_HIGH };
enum config_role { ROLE_SERVER, ROLE_CLIENT }; /* who connects: the guest's front end, or we */
struct config_port {
	char name[CONFIG_NAME_MAX]; /* unique over all switches */
	unsigned sw;                /* index of its switch */
	enum config_nic nic;
	char netns[CONFIG_NAME_MAX * 2]; /* tap: empty: the daemon's own */
	char interface[IFNAMSIZ];
	struct prefix address[CONFIG_ADDRESSES_MAX]; /* key address: one, or a list */
	unsigned n_addresses;
	unsigned txqueuelen;         /* default 256 packets; 1 to 100000 */
	char socket[CONFIG_ARG_MAX]; /* vhost, vf: as given, empty: left out; see config_port_socket */
	enum config_role role;
	char socket_owner[CONFIG_ARG_MAX]; /* "user:group"; empty: the daemon's */
	unsigned socket_mode;              /* default 0660 */
	bool has_mac;
	struct mac mac;
	unsigned queues;     /* 1 to 16, default 1; of a VF without meaning, see config_port_queues */
	unsigned mtu;        /* 68 to 9216; default 1500 of a tap and of an _hv VF, 9216 of the others */
	unsigned vmq_weight; /* 0 to 100, default 100 */
	bool spoof_check;    /* default on */
	struct config_vlan vlan;
	struct config_vrss vrss;
	enum config_moderation interrupt_moderation; /* default adaptive */
	struct config_vf vf;
};

enum config_switch_kind { SWITCH_EXTERNAL, SWITCH_INTERNAL, SWITCH_PRIVATE };
struct config_static {
	unsigned sw;
	struct mac mac;
	uint16_t vlan; /* 0: untagged */
	int port;      /* index of the port; -1: the switch's uplink (the file names the adapter) */
};

struct config_switch {
	char name[CONFIG_NAME_MAX];
	enum config_switch_kind kind;
	int adapter;          /* index; external only, else -1 */
	unsigned fdb_entries; /* default 8192; 64 to 1048576, rounded up to a power of two */
	unsigned ageing_s;    /* default 300 (IEEE 802.1Q-2022, table 8-6); 10 to 1000000; */
};

struct config {
	struct config_processors processors;
	struct config_adapter adapters[CONFIG_ADAPTERS_MAX];
	unsigned n_adapters;
	struct config_switch switches[CONFIG_SWITCHES_MAX];
	unsigned n_switches;
	struct config_port *ports; /* in file order: switch by switch */
	unsigned n_ports;
	struct config_static *statics;
	unsigned n_statics;
	int log_level;
	char *text; /* the file as given, len bytes and a NUL */
	size_t text_len;
};

/*
 * Parses and checks len bytes. Returns a configuration that the caller frees with config_free, or NULL and at least one
 * mistake: all of them, in the order of the file, not only the first. mistakes (may be NULL) is filled in both cases. Asks the
 * system only for its number of CPUs, a default: whether interfaces exist is said when it is applied.
 */
struct config *config_parse(const char *text, size_t len, struct config_mistakes *mistakes);
void config_free(struct config *config);

/*
 * The configuration as YAML text, keys that have their default value left out, secrets as "(set)". Caller frees.
 * config_parse(config_emit(c)) gives an equal configuration.
 */
char *config_emit(const struct config *config);

/* The name of a vhost port's socket in the run directory: the last part of its path, or "NAME.sock", a VF's "NAME.vf.sock". Returns out. */
const char *config_port_socket(const struct config_port *port, char out[CONFIG_SOCKET_MAX]);

/* The same of the vhost device that stands by for its VF; empty when there is none. */
const char *config_standby_socket(const struct config_port *port, char out[CONFIG_SOCKET_MAX]);

/* The policy of a VF's port that only the switch can carry out, for people; NULL: there is none. */
const char *config_vf_policy(const struct config_port *port);

/* Queue pairs of its NIC. */
unsigned config_port_queues(const struct config_port *port);

/* Whether its MTU is another than the default of its NIC. */
bool config_port_mtu_is_chosen(const struct config_port *port);

/* A second one that says the same, text too. The caller frees it with config_free. NULL without memory. */
struct config *config_copy(const struct config *config);
#endif
