#ifndef PLAN_MATRIX_H
#define PLAN_MATRIX_H
/*
 * matrix.h - which offloads go together on one adapter and one port: the one table that every refusal and every "not operational" asks.
 *
 * Pure decisions: libc only, no clock, no I/O. The relations are those of NDIS (windows-semantics, 2.6, 4 and 10.2), of the features
 * that exist here or are planned: RSS and VM queues are the same queues and exclude each other; RSS needs receive checksum and LSO,
 * LSO needs transmit checksum; vRSS rides on VM queues, and a virtual function takes its place.
 */
#include <stdbool.h>
#include <stddef.h>

enum plan_feature {
	PLAN_RX_CHECKSUM,
	PLAN_TX_CHECKSUM,
	PLAN_LSO,
	PLAN_SRIOV,
	PLAN_VMQ,
	PLAN_DYNAMIC_VMQ,
	PLAN_RSS,
	PLAN_VRSS, /* of a port: its frames are spread over its queue pairs, by its own table */
	PLAN_VMMQ, /* of a port: the same by the adapter, each queue pair with a VM queue of its own */
	PLAN_FEATURE_COUNT,
};

/* What is so, whatever is asked for. */
enum plan_fact {
	PLAN_FACT_ADAPTER = 1 << 0,    /* the port's switch has an adapter; the adapter has a switch */
	PLAN_FACT_UPLINK = 1 << 1,     /* the uplink is there */
	PLAN_FACT_FILTERS = 1 << 2,    /* frames from the wire are sorted into queues: not on a memif */
	PLAN_FACT_PROCESSORS = 1 << 3, /* more than one usable processor */
	PLAN_FACT_QUEUES = 1 << 4,     /* the port has more than one queue pair */
	PLAN_FACT_GUEST = 1 << 5,      /* and its guest uses more than one */
	PLAN_FACT_WEIGHT = 1 << 6,     /* the port may have VM queues */
	PLAN_FACT_HELD = 1 << 7,       /* the port holds more than one */
	PLAN_FACT_ALL = (1 << 8) - 1,
};

/* name, one sentence, and what to do about it: ADAPTER and PORT stand for their names */
#define PLAN_REASONS(X)                                                                                            \
	X(OPERATIONAL, "operational", "", "")                                                                      \
	X(OFF, "off", "switched off", "")                                                                          \
	X(OFF_RSS, "off", "switched off", "fairlead rss enable ADAPTER")                                           \
	X(OFF_VMQ, "off", "switched off", "fairlead vmq enable ADAPTER")                                           \
	X(OFF_DYNAMIC, "off", "queues stay where they are put", "fairlead vmq set ADAPTER --dynamic on")           \
	X(OFF_VRSS, "off", "switched off", "fairlead vrss enable PORT")                                            \
	X(OFF_RX_CHECKSUM, "off", "switched off", "fairlead offload set ADAPTER --rx-checksum on")                 \
	X(OFF_TX_CHECKSUM, "off", "switched off", "fairlead offload set ADAPTER --tx-checksum on")                 \
	X(OFF_LSO, "off", "switched off", "fairlead offload set ADAPTER --lso on")                                 \
	X(RSS, "rss", "RSS has the adapter's queues, and RSS and VM queues exclude each other",                    \
	  "fairlead rss disable ADAPTER, then fairlead vmq enable ADAPTER")                                        \
	X(VMQ, "vmq", "the adapter's queues are VM queues, and RSS and VM queues exclude each other",              \
	  "fairlead vmq disable ADAPTER, then fairlead rss enable ADAPTER")                                        \
	X(RX_CHECKSUM, "checksum", "it depends on receive checksum offload, which is off",                         \
	  "fairlead offload set ADAPTER --rx-checksum on")                                                         \
	X(TX_CHECKSUM, "checksum", "it depends on transmit checksum offload, which is off",                        \
	  "fairlead offload set ADAPTER --tx-checksum on")                                                         \
	X(LSO, "lso", "it depends on large send offload (LSO), which is not in effect",                            \
	  "fairlead offload show ADAPTER says why")                                                                \
	X(NO_SWITCH, "no-switch", "no switch uses this adapter", "name it as the uplink of a switch")              \
	X(NO_UPLINK, "no-uplink", "the uplink of ADAPTER is gone", "it is taken again once it is back")            \
	X(MEDIUM, "medium", "a memif has one queue: all its frames are the default queue's", "")                   \
	X(ONE_PROCESSOR, "one-processor", "one processor is usable: there is nowhere to move a queue to",          \
	  "fairlead vmq set ADAPTER --max-processors 2, or more processors in the configuration")                  \
	X(NO_ADAPTER, "no-adapter", "it depends on VM queues, and the port's switch has no adapter", "")           \
	X(NO_VMQ, "no-vmq", "it depends on VM queues, which are not in effect on ADAPTER",                         \
	  "fairlead vmq show ADAPTER says why")                                                                    \
	X(WEIGHT, "weight", "it depends on VM queues, and the port claims none (vmq_weight 0)",                    \
	  "fairlead port set PORT --vmq-weight 100")                                                               \
	X(NO_QUEUE, "no-queue", "no second VM queue was left for the port",                                        \
	  "fairlead vmq set ADAPTER --queues for more")                                                            \
	X(NO_VRSS, "no-vrss", "it does the work of vRSS, which is not in effect on the port",                      \
	  "fairlead vrss show PORT says why")                                                                      \
	X(ONE_QUEUE, "one-queue", "the port has one queue pair", "fairlead vrss set PORT --queues 4")              \
	X(GUEST, "guest", "the guest uses fewer than two queue pairs", "in the guest: ethtool -L eth0 combined 4") \
	X(SRIOV, "sriov", "a virtual function carries the port's frames", "")                                      \
	X(NOT_OFFERED, "not-offered", "this version does not offer it", "")

enum plan_reason {
#define X(id, name, sentence, hint) PLAN_REASON_##id,
	PLAN_REASONS(X)
#undef X
		PLAN_REASON_COUNT
};

struct plan_asked {
	bool wanted[PLAN_FEATURE_COUNT];
	unsigned facts; /* PLAN_FACT_* */
};

/*
 * Fills why[] for each feature: PLAN_REASON_OPERATIONAL, or the first thing that stands in its way. What another feature takes away is
 * said of one that is not wanted, too; else that it is off.
 */
void plan_matrix(const struct plan_asked *asked, enum plan_reason why[PLAN_FEATURE_COUNT]);

/* How a stands to b, by itself: needs it, is excluded while it is wanted, or gives way while it is in effect. */
enum plan_relation { PLAN_TOGETHER, PLAN_NEEDS, PLAN_EXCLUDED_BY, PLAN_REPLACED_BY };
enum plan_relation plan_relation(enum plan_feature a, enum plan_feature b);

/* "rss"; never NULL. Several reasons share a name, as off. */
const char *plan_reason_name(enum plan_reason why);

/*
 * One sentence without a full stop, and what to do about it (may be empty), with the names put in; port may be NULL. Both write at most
 * size bytes with NUL and return out.
 */
char *plan_reason_sentence(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size);
char *plan_reason_hint(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size);
#endif
