#ifndef CTL_HANDLERS_H
#define CTL_HANDLERS_H
/*
 * handlers.h - the handlers that methods.c lists, and what they share. Private to them. Control thread.
 *
 * Each is a rpc_handler.fn, or .write, whose ctx is a struct control.
 */
#include <jansson.h>

#include "ctl/config_diff.h"
#include "ctl/methods.h"
#include "ctl/params.h"
#include "ctl/rpc_text.h"

/* ---- show_processor.c ---- */
int processor_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int processor_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int queue_list_all(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int queue_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
/* Packets for each time that somebody was woken or interrupted, rounded; null for none. */
json_t *packets_per_time(uint64_t packets, uint64_t times);

/* ---- show_adapter.c ---- */
int adapter_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int adapter_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);

/* ---- show_vmq.c ---- */
int vmq_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int vmq_show(void *ctx, const json_t *params, json_t **result, struct err *err);
/* Fills usable, room for PROCESSORS_MAX, with the processors that may serve its VM queues, the base first. Returns how many. */
size_t vmq_usable(const struct config_adapter *is, unsigned *usable);
/* VM queues that have a port; a may be NULL. */
unsigned vmq_used(const struct adapter *a);

/* ---- show_switch.c ---- */
int switch_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int switch_show(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- show_port.c ---- */
int port_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int port_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);

/* ---- show_guest.c ---- */
/* What is behind a vhost NIC; null for other NICs. NULL without memory. */
json_t *guest_of(const struct host *host, const struct host_port *hp);

/* ---- qemu_args.c, qemu_args_vf.c ---- */
int port_qemu_args(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- show_books.c ---- */
int drops_list(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);
int stats_show(void *ctx, const json_t *params, struct rpc_text *out, struct err *err);

/* ---- show_watch.c ---- */
int vmq_watch(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- show_rss.c ---- */
int rss_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int rss_show(void *ctx, const json_t *params, json_t **result, struct err *err);
int offload_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int offload_show(void *ctx, const json_t *params, json_t **result, struct err *err);
/* Who hashes: "hardware" while the NIC does; a may be NULL. */
const char *rss_backing(const struct adapter *a);

/* ---- show_vrss.c ---- */
int vrss_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int vrss_show(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- show_vf.c ---- */
int vf_list(void *ctx, const json_t *params, json_t **result, struct err *err);
int vf_show(void *ctx, const json_t *params, json_t **result, struct err *err);
/* As named_port, and it is a virtual function whose NIC is there. */
struct host_port *named_vf(const struct host *host, const json_t *params, struct err *err);

/* ---- edit_vf.c ---- */
int vf_set_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- edit_port.c ---- */
int port_set(void *ctx, const json_t *params, json_t **result, struct err *err);
int vrss_set(void *ctx, const json_t *params, json_t **result, struct err *err);
int vrss_enable(void *ctx, const json_t *params, json_t **result, struct err *err);
int vrss_disable(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- edit_adapter.c ---- */
int vmq_enable(void *ctx, const json_t *params, json_t **result, struct err *err);
int vmq_disable(void *ctx, const json_t *params, json_t **result, struct err *err);
int vmq_set(void *ctx, const json_t *params, json_t **result, struct err *err);
int rss_enable(void *ctx, const json_t *params, json_t **result, struct err *err);
int rss_disable(void *ctx, const json_t *params, json_t **result, struct err *err);
int rss_set(void *ctx, const json_t *params, json_t **result, struct err *err);
int offload_set(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- edit_queue.c ---- */
int queue_move_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err);
int queue_pin_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err);
int queue_unpin_by_hand(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- config_apply.c ---- */
int config_apply(void *ctx, const json_t *params, json_t **result, struct err *err);
/* Takes back what nobody confirmed in time. */
void config_apply_tend(struct control *control);

/* ---- config_show.c ---- */
int config_show_running(void *ctx, const json_t *params, json_t **result, struct err *err);
int config_save(void *ctx, const json_t *params, json_t **result, struct err *err);

/* ---- lookup.c ---- */

/* The object that the parameter `key` names; NULL with err (-ENOENT, a hint with near or all names, and the path). */
struct host_port *named_port(const struct host *host, const json_t *params, struct err *err);
struct host_switch *named_switch(const struct host *host, const json_t *params, struct err *err);
/* An adapter stands in the configuration even while no switch uses it: its index there, or -ENOENT with err. */
int named_adapter(const struct host *host, const json_t *params, struct err *err);
/* A port's or an adapter's books. */
struct vport *named_vport(const struct host *host, const json_t *params, struct err *err);
struct queue *named_queue(const json_t *params, struct err *err);

/* The switch that stands on adapter `name`; NULL when none does. */
struct host_switch *switch_on_adapter(const struct host *host, const char *name);

/* ---- json.c ---- */

/* Says that memory is short when *result is NULL. Returns 0 or -ENOMEM. */
int result_done(json_t *const *result, struct err *err);
/* Puts the keys of more (taken over; may be NULL) behind those of *result. Returns as result_done. */
int result_join(json_t **result, json_t *more, struct err *err);
/* Appends row, which may be NULL, to *list; without memory *list becomes NULL, and stays so. */
void list_add(json_t **list, json_t *row);
/* "02:f1:00:00:00:01", or null for the zero address. */
json_t *json_mac(const struct mac *mac);
#endif
