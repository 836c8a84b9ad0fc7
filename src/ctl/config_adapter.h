#ifndef CTL_CONFIG_ADAPTER_H
#define CTL_CONFIG_ADAPTER_H
/*
 * config_adapter.h - an adapter of the configuration; a part of config.h.
 */
#include <stdbool.h>
#include <stdint.h>

#define CONFIG_NAME_MAX 32 /* bytes with NUL; letters, digits, '-', '_', '.'; begins with a letter */
#define CONFIG_ARG_MAX 108
#define CONFIG_RSS_KEY_LEN 40 /* bytes: NDIS, windows of 32 bits over 36 bytes of input */

enum config_uplink_kind {
	UPLINK_AF_XDP,
	UPLINK_AF_PACKET,
	UPLINK_PCAP,
	UPLINK_NULL,
	UPLINK_RING,
	UPLINK_MEMIF,
	UPLINK_TAP,
	UPLINK_PCI
};
/* Hash types, in the order of HASH_* in nic/flowhash.h: entry i is bit i there. */
enum config_hash_type {
	HASH_TYPE_IPV4,
	HASH_TYPE_TCP_IPV4,
	HASH_TYPE_UDP_IPV4,
	HASH_TYPE_IPV6,
	HASH_TYPE_TCP_IPV6,
	HASH_TYPE_UDP_IPV6,
	HASH_TYPE_IPV6_EX,
	HASH_TYPE_TCP_IPV6_EX,
	HASH_TYPE_UDP_IPV6_EX,
	HASH_TYPES
};
enum config_rss_profile {
	RSS_CLOSEST,
	RSS_CLOSEST_STATIC,
	RSS_NUMA,
	RSS_NUMA_STATIC,
	RSS_CONSERVATIVE
}; /* as plan/rss.h */

/* Kept whatever the mode is: it says what RSS is like when it is in effect. */
struct config_rss {
	bool enabled;                    /* default on: in mode rss */
	enum config_rss_profile profile; /* default numa-static */
	uint8_t hash_type[HASH_TYPES];   /* enum config_hash_type, rising */
	unsigned n_hash_types;           /* 0: not given, see config_hash_types */
	uint8_t key[CONFIG_RSS_KEY_LEN]; /* default: the verification key of NDIS */
	unsigned entries;                /* of each indirection table: 2^n, 1 to 512; default 128 */
};

struct config_balance {
	unsigned high_percent;   /* default 90 */
	unsigned low_percent;    /* default 50, below high_percent */
	unsigned within_percent; /* points; default 10 */
	unsigned gain_percent;   /* points; default 10 */
	unsigned rest_ms;        /* default 1000 */
	unsigned period_ms;      /* default 20 */
	unsigned samples;        /* default 2 */
};

/* Default: all on. */
struct config_offload {
	bool rx_checksum, tx_checksum, lso;
};

enum config_adapter_mode { ADAPTER_NONE, ADAPTER_RSS, ADAPTER_VMQ };
struct config_adapter {
	char name[CONFIG_NAME_MAX];
	enum config_uplink_kind kind; /* "af_xdp:flwire0" */
	char arg[CONFIG_ARG_MAX];     /* "flwire0"; pcap: "rx.pcap" or "rx.pcap,tx.pcap"; null: empty */
	enum config_adapter_mode mode;
	unsigned queues;         /* vmq: VM queues beside the default queue; rss: receive queues; 1 to 256, default 8 */
	bool dynamic;            /* vmq: the balancer moves queues */
	int base_processor;      /* -1: default rule */
	unsigned max_processors; /* 0: all from base on */
	int max_processor;       /* number of the last that may be used, inclusive; -1: no limit */
	struct config_rss rss;
	struct config_balance balance;
	struct config_offload offload;
	uint64_t speed_mbps; /* 0: the link's own */
	unsigned mtu;        /* 0: the interface's own */
	unsigned vfs;        /* virtual functions that it may have */
};

/* Its hash types as bits, 1 << enum config_hash_type: when none was given all but those of IPv6 extension headers (EX). */
unsigned config_hash_types(const struct config_rss *rss);
#endif
