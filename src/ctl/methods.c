/* methods.c - which code stands behind which method of the schema; see methods.h. */
#include "ctl/methods.h"

#include "ctl/handlers.h"

const struct rpc_handler control_methods[] = {
	{ "processor.list", .write = processor_list },
	{ "processor.show", .write = processor_show },
	{ "queue.list", .write = queue_list_all },
	{ "queue.show", .write = queue_show },
	{ "queue.move", queue_move_by_hand },
	{ "queue.pin", queue_pin_by_hand },
	{ "queue.unpin", queue_unpin_by_hand },
	{ "adapter.list", .write = adapter_list },
	{ "adapter.show", .write = adapter_show },
	{ "switch.list", switch_list },
	{ "switch.show", switch_show },
	{ "port.list", .write = port_list },
	{ "port.show", .write = port_show },
	{ "port.qemu-args", port_qemu_args },
	{ "port.set", port_set },
	{ "vf.list", vf_list },
	{ "vf.show", vf_show },
	{ "vf.set", vf_set_by_hand },
	{ "vmq.list", vmq_list },
	{ "vmq.show", vmq_show },
	{ "vmq.enable", vmq_enable },
	{ "vmq.disable", vmq_disable },
	{ "vmq.set", vmq_set },
	{ "vmq.watch", vmq_watch },
	{ "rss.list", rss_list },
	{ "rss.show", rss_show },
	{ "rss.set", rss_set },
	{ "rss.enable", rss_enable },
	{ "rss.disable", rss_disable },
	{ "vrss.list", vrss_list },
	{ "vrss.show", vrss_show },
	{ "vrss.set", vrss_set },
	{ "vrss.enable", vrss_enable },
	{ "vrss.disable", vrss_disable },
	{ "offload.list", offload_list },
	{ "offload.show", offload_show },
	{ "offload.set", offload_set },
	{ "drops", .write = drops_list },
	{ "stats.show", .write = stats_show },
	{ "config.apply", config_apply },
	{ "config.show", config_show_running },
	{ "config.save", config_save },
	{ NULL },
};

void
control_tend(struct control *control)
{
	const struct host *host = control->host;

	for (unsigned i = 0; i < host->n_switches; i++)
		if (host->switches[i]->adapter != NULL)
			frontend_sample(&host->switches[i]->adapter->frontend);
	config_apply_tend(control);
}
