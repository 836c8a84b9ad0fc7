/* edit_port.c - settings of a port; see handlers.h. */
#include <errno.h>
#include <string.h>

#include "ctl/edit.h"
#include "ctl/schema_words.h"

static const char *const schedulings[] = { SCHEDULING_WORDS, NULL }, *const moderations[] = { MODERATION_WORDS, NULL };

static int
set_vlan(struct config_port *is, const json_t *params, struct err *err)
{
	const json_t *vlan = json_object_get(params, "vlan");
	bool untagged = json_is_true(json_object_get(params, "untagged"));

	if (vlan != NULL && untagged) {
		err_set(err, -EINVAL, "vlan and untagged contradict each other");
		err_path(err, "untagged");
		return -EINVAL;
	}
	if (vlan == NULL && !untagged)
		return 0;
	memset(&is->vlan, 0, sizeof(is->vlan));
	if (vlan != NULL) {
		is->vlan.mode = VLAN_ACCESS;
		is->vlan.id = (uint16_t)json_integer_value(vlan);
	}
	return 0;
}

int
set_port(struct config_port *is, const json_t *params, struct err *err)
{
	unsigned moderation = (unsigned)is->interrupt_moderation;
	const json_t *mac = json_object_get(params, "mac");

	edit_number(params, "mtu", &is->mtu);
	edit_number(params, "vmq_weight", &is->vmq_weight);
	edit_bool(params, "spoof_check", &is->spoof_check);
	edit_word(params, "interrupt_moderation", moderations, &moderation);
	is->interrupt_moderation = (enum config_moderation)moderation;
	if (mac != NULL)
		is->has_mac = mac_parse(json_string_value(mac), &is->mac) == 0;
	return set_vlan(is, params, err);
}

int
port_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	int ret = edit_something(params, "port", "set", err);

	return ret < 0 ? ret : edit_port(((struct control *)ctx)->host, params, set_port, result, err);
}

/* ---- vRSS ---- */

static int
set_vrss(struct config_port *is, const json_t *params, struct err *err)
{
	unsigned scheduling = (unsigned)is->vrss.scheduling;

	edit_number(params, "queues", &is->queues);
	edit_number(params, "min_queues", &is->vrss.min_queues);
	edit_word(params, "scheduling", schedulings, &scheduling);
	is->vrss.scheduling = (enum config_vrss_scheduling)scheduling;
	edit_bool(params, "exclude_primary", &is->vrss.exclude_primary);
	return 0;
}

static int
set_vrss_on(struct config_port *is, const json_t *params, struct err *err)
{
	is->vrss.enabled = true;
	return 0;
}

static int
set_vrss_off(struct config_port *is, const json_t *params, struct err *err)
{
	is->vrss.enabled = false;
	return 0;
}

int
vrss_enable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_port(((struct control *)ctx)->host, params, set_vrss_on, result, err);
}

int
vrss_disable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_port(((struct control *)ctx)->host, params, set_vrss_off, result, err);
}

int
vrss_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	int ret = edit_something(params, "vrss", "set", err);

	return ret < 0 ? ret : edit_port(((struct control *)ctx)->host, params, set_vrss, result, err);
}
