/* effect.c - the running host's facts, put to the combination matrix; see effect.h. */
#include "ctl/effect.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ctl/handlers.h"
#include "ctl/host_port_vf.h"
#include "ctl/host_port_vhost.h"
#include "guest/vhost_user.h"

static void
want(const struct config_adapter *is, struct plan_asked *asked)
{
	asked->wanted[PLAN_RX_CHECKSUM] = is->offload.rx_checksum;
	asked->wanted[PLAN_TX_CHECKSUM] = is->offload.tx_checksum;
	asked->wanted[PLAN_LSO] = is->offload.lso;
	asked->wanted[PLAN_RSS] = is->mode == ADAPTER_RSS && is->rss.enabled;
	asked->wanted[PLAN_VMQ] = is->mode == ADAPTER_VMQ;
	asked->wanted[PLAN_DYNAMIC_VMQ] = is->dynamic;
}

enum adapter_mode
effect_mode(const struct config_adapter *is)
{
	struct plan_asked asked = { .facts = PLAN_FACT_ALL };
	enum plan_reason why[PLAN_FEATURE_COUNT];

	want(is, &asked);
	plan_matrix(&asked, why);
	return why[PLAN_VMQ] == PLAN_REASON_OPERATIONAL   ? ADAPTER_MODE_VMQ
	       : why[PLAN_RSS] == PLAN_REASON_OPERATIONAL ? ADAPTER_MODE_RSS
							  : ADAPTER_MODE_NONE;
}

/* a: NULL when no switch uses it. */
static unsigned
facts_of_adapter(const struct config_adapter *is, const struct adapter *a)
{
	unsigned usable[PROCESSORS_MAX], facts = vmq_usable(is, usable) > 1 ? PLAN_FACT_PROCESSORS : 0;

	if (a == NULL)
		return facts;
	facts |= PLAN_FACT_ADAPTER;
	if (!uplink_is_medium(&a->uplink))
		facts |= PLAN_FACT_FILTERS;
	if (uplink_is_medium(&a->uplink) || uplink_port(&a->uplink) != UPLINK_ABSENT)
		facts |= PLAN_FACT_UPLINK;
	return facts;
}

void
effect_of_adapter(const struct host *host, const struct config_adapter *is, enum plan_reason why[PLAN_FEATURE_COUNT])
{
	const struct host_switch *hs = switch_on_adapter(host, is->name);
	struct plan_asked asked = { .facts = facts_of_adapter(is, hs != NULL ? hs->adapter : NULL) };

	want(is, &asked);
	plan_matrix(&asked, why);
}

unsigned
effect_running_pairs(const struct host_port *hp)
{
	struct vhost_info info;

	if (hp->nic == NULL)
		return 0;
	if (hp->is.nic == NIC_VF) {
		struct vf_info vf;

		host_port_vf_info(hp, &vf);
		return vf.rx_rings;
	}
	if (hp->is.nic != NIC_VHOST)
		return hp->n_queues;
	host_port_vhost_info(hp, &info);
	return info.pairs_running;
}

void
effect_of_port(const struct host *host, const struct host_port *hp, enum plan_reason why[PLAN_FEATURE_COUNT])
{
	struct plan_asked asked = { .facts = 0 };

	if (hp->on->adapter != NULL) {
		want(&hp->on->adapter_is, &asked);
		asked.facts = facts_of_adapter(&hp->on->adapter_is, hp->on->adapter);
	}
	asked.wanted[PLAN_VRSS] = asked.wanted[PLAN_VMMQ] = hp->is.vrss.enabled && hp->is.nic != NIC_VF;
	if (hp->is.queues > 1)
		asked.facts |= PLAN_FACT_QUEUES;
	if (effect_running_pairs(hp) > 1)
		asked.facts |= PLAN_FACT_GUEST;
	if (hp->is.vmq_weight > 0)
		asked.facts |= PLAN_FACT_WEIGHT;
	if (hp->is_member && hp->member.n_rings > 1)
		asked.facts |= PLAN_FACT_HELD;
	plan_matrix(&asked, why);
}

int
effect_allow(const struct config_adapter *is, enum plan_feature feature, struct err *err)
{
	static const char *const names[PLAN_FEATURE_COUNT] = { [PLAN_RSS] = "RSS", [PLAN_VMQ] = "VM queues" };
	struct plan_asked asked = { .facts = PLAN_FACT_ALL };
	enum plan_reason why[PLAN_FEATURE_COUNT];
	char sentence[160], hint[160];

	want(is, &asked);
	for (unsigned f = 0; f < PLAN_FEATURE_COUNT; f++) {
		if (!asked.wanted[f] || plan_relation(feature, (enum plan_feature)f) != PLAN_EXCLUDED_BY)
			continue;
		asked.wanted[feature] = true;
		plan_matrix(&asked, why);
		err_set(err, -EOPNOTSUPP, "adapter '%s' cannot have %s: %s: %s", is->name, names[feature],
			plan_reason_name(why[feature]),
			plan_reason_sentence(why[feature], is->name, NULL, sentence, sizeof(sentence)));
		err_hint(err, "%s", plan_reason_hint(why[feature], is->name, NULL, hint, sizeof(hint)));
		err_path(err, "adapter");
		return -EOPNOTSUPP;
	}
	return 0;
}

char *
effect_reason(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size)
{
	bool is_off = strcmp(plan_reason_name(why), "off") == 0;
	char sentence[160], hint[160];

	out[0] = '\0';
	if (why == PLAN_REASON_OPERATIONAL)
		return out;
	plan_reason_sentence(why, adapter, port, sentence, sizeof(sentence));
	plan_reason_hint(why, adapter, port, hint, sizeof(hint));
	/* "off: switched off" would say it twice. */
	snprintf(out, size, "%s%s%s%s%s", is_off ? "" : plan_reason_name(why), is_off ? "" : ": ", sentence,
		 hint[0] != '\0' ? "; " : "", hint);
	return out;
}
