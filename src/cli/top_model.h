#ifndef CLI_TOP_MODEL_H
#define CLI_TOP_MODEL_H
/*
 * top_model.h - what `fairlead top` knows of the host: the daemon's answers, and the rates between two of them.
 *
 * Pure: no clock, no daemon, no terminal. All texts in it are safe for a terminal. A daemon that answers oddly makes an odd picture
 * and harms nobody. One thread.
 */
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define TOP_NAME_LEN 32  /* as CONFIG_NAME_MAX: ports, adapters, switches, reasons */
#define TOP_TOKEN_LEN 48 /* a name, ".", and a number */
#define TOP_MOVES_KEPT 32
#define TOP_UNKNOWN (-1.0) /* a rate that needs one more sample, a share that the daemon does not tell */

/* A counter and how fast it grew between the last two answers. */
struct top_rate {
	uint64_t count;
	double per_s; /* TOP_UNKNOWN: there is one answer only, or the counter went back */
};

struct top_processor {
	unsigned id, cpu;
	bool emulated;
	double busy, waiting; /* percent of what it may have */
	struct top_rate packets, wakeups;
};

struct top_queue {
	unsigned id, index;
	char vport[TOP_NAME_LEN], port[TOP_NAME_LEN]; /* port: empty for a queue of an adapter */
	char name[TOP_TOKEN_LEN];                     /* "vm1"; "vm1.2" where its vport has several */
	int processor;                                /* -1: none */
	bool pinned;
	double share; /* percent of a processor that it uses; TOP_UNKNOWN */
	struct top_rate packets, bytes, drops, interrupts;
	uint64_t moved;    /* times */
	int from;          /* the processor that it left when we saw it move; -1: we have not */
	uint64_t moved_ns; /* when we saw that */
};

struct top_adapter {
	char name[TOP_NAME_LEN], mode[TOP_NAME_LEN], on_switch[TOP_NAME_LEN]; /* mode: none, rss, vmq */
	bool up;
	bool dynamic;              /* in mode vmq: load moves its queues */
	bool rss, rss_operational; /* enabled, and in effect */
	char profile[TOP_NAME_LEN];
	bool has_front_end; /* a thread of its own does what the NIC's silicon would */
	double front_end;   /* percent of a core; TOP_UNKNOWN: its processor's, or not asked yet */
	unsigned queues, queues_used;
	struct top_rate rx_packets, rx_bytes, tx_packets, tx_bytes, drops;
};

struct top_port {
	char name[TOP_NAME_LEN], on_switch[TOP_NAME_LEN];
};

/* vRSS of a port, where the daemon has it. */
struct top_vrss {
	char port[TOP_NAME_LEN];
	bool enabled, operational;
};

struct top_drop {
	char reason[TOP_NAME_LEN];
	struct top_rate packets; /* of all ports */
};

/* What the balancer, or a person, did with a queue: an event of vmq.watch. Percents are of a processor; all 0: nothing was measured. */
struct top_move {
	uint64_t serial;
	time_t at;
	char name[TOP_TOKEN_LEN]; /* of the queue, as far as it is known */
	unsigned from, to;        /* processors; the same: it could not be helped */
	char why[TOP_NAME_LEN], means[120];
	double from_before, from_after, to_before, to_after;
};

struct top_books {
	bool known, balanced;
	uint64_t offered, copies, delivered, dropped, held;
};

struct top_model {
	struct top_processor *processors; /* by number */
	struct top_queue *queues;         /* in the daemon's order: by number */
	struct top_adapter *adapters;
	struct top_port *ports;
	struct top_vrss *vrss;
	struct top_drop *drops; /* the ones that ever happened */
	struct top_move *moves; /* the last TOP_MOVES_KEPT, oldest first */
	size_t n_processors, n_queues, n_adapters, n_ports, n_vrss, n_drops, n_moves;
	struct top_books books;
	uint64_t processors_ns, queues_ns, adapters_ns, drops_ns; /* of the last answer; 0: none yet */
	bool has_drops;                                           /* the daemon answered that */
};

enum top_part {
	TOP_PROCESSORS, /* processor.list */
	TOP_QUEUES,     /* queue.list */
	TOP_ADAPTERS,   /* adapter.list */
	TOP_ADAPTER,    /* adapter.show of one of them */
	TOP_RSS,        /* rss.list; after the adapters */
	TOP_PORTS,      /* port.list */
	TOP_DROPS,      /* drops */
	TOP_BOOKS,      /* stats.show */
	TOP_VRSS,       /* vrss.list */
	TOP_MOVES,      /* vmq.watch, of what came after top_model_last_move() */
	TOP_PARTS
};

/* Takes an answer in, which was heard at now_ns (any clock that does not go back, never 0). Returns 0, or -ENOMEM and m as before. */
int top_model_take(struct top_model *m, enum top_part part, const json_t *answer, uint64_t now_ns);

/* Forgets everything, as for another daemon. */
void top_model_clear(struct top_model *m);

struct top_totals {
	double packets_s, bits_s, drops_s; /* TOP_UNKNOWN: no rate is known */
};

/* Frames taken from queues, and frames lost, over the host. */
struct top_totals top_model_totals(const struct top_model *m);

/* NULL when there is none. */
const struct top_queue *top_model_queue(const struct top_model *m, unsigned id);
const struct top_processor *top_model_processor(const struct top_model *m, unsigned id);
const struct top_vrss *top_model_vrss(const struct top_model *m, const char *port);

/* The adapter that a queue's frames come in by; NULL when there is none, or it is not known. */
const struct top_adapter *top_model_adapter_of(const struct top_model *m, const struct top_queue *q);

/* The number of the last move that is known; 0: none is. */
uint64_t top_model_last_move(const struct top_model *m);

/* All of it as `top --json` prints it; NULL without memory. */
json_t *top_model_json(const struct top_model *m, const char *host);
#endif
