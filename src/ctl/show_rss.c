/* show_rss.c - receive side scaling of adapters, and what is left to their uplinks; see handlers.h. */
#include <errno.h>
#include <stdio.h>

#include "ctl/config_bind.h"
#include "ctl/effect.h"
#include "ctl/handlers.h"
#include "ctl/schema_words.h"
#include "nic/vmq.h"
#include "plan/rss.h"

static const char *const hash_types[] = { HASH_TYPE_WORDS, NULL };

/* An adapter of the configuration, and what is so. */
struct subject {
	const struct config_adapter *is;
	const struct adapter *a; /* NULL: no switch uses it */
	enum plan_reason why[PLAN_FEATURE_COUNT];
	unsigned usable[PROCESSORS_MAX];
	size_t n_usable;
};

static void
subject_of(const struct host *host, const struct config_adapter *is, struct subject *out)
{
	const struct host_switch *hs = switch_on_adapter(host, is->name);
	struct adapter_settings settings;

	out->is = is;
	out->a = hs != NULL ? hs->adapter : NULL;
	effect_of_adapter(host, is, out->why);
	host_adapter_settings(is, &settings);
	settings.mode = ADAPTER_MODE_RSS; /* the order of the profile, also while it is not in effect */
	if (vmq_processors(is->name, &settings, out->usable, &out->n_usable, NULL) < 0)
		out->n_usable = 0;
}

static bool
is_on(const struct subject *s, enum plan_feature f)
{
	return s->why[f] == PLAN_REASON_OPERATIONAL;
}

static json_t *
reason_of(const struct subject *s, enum plan_feature f)
{
	char text[400];

	return json_text(effect_reason(s->why[f], s->is->name, NULL, text, sizeof(text)));
}

/* {enabled, operational, reason} */
static json_t *
state_of(const struct subject *s)
{
	return json_pack("{s:b, s:b, s:o}", "enabled", s->is->mode == ADAPTER_RSS && s->is->rss.enabled, "operational",
			 is_on(s, PLAN_RSS), "reason", reason_of(s, PLAN_RSS));
}

static json_t *
spread_of(const struct subject *s)
{
	int last = s->is->max_processor >= 0 ? s->is->max_processor : (int)n_processors - 1;

	return json_pack("{s:o, s:i, s:i, s:i, s:s}", "base_processor",
			 s->n_usable > 0 ? json_integer(s->usable[0]) : json_null(), "max_processors", (int)s->n_usable,
			 "max_processor", last, "queues", (int)s->is->queues, "profile",
			 plan_rss_profile_text((enum plan_rss_profile)s->is->rss.profile));
}

static json_t *
name_row(const struct subject *s)
{
	return json_pack("{s:s}", "adapter", s->is->name);
}

/* Puts the keys of more, which is taken over, behind those of row; NULL when memory is short. */
static json_t *
with(json_t *row, json_t *more)
{
	result_join(&row, more, NULL);
	return row;
}

int
rss_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	struct subject s;

	*result = json_array();
	for (unsigned i = 0; i < host->running->n_adapters; i++) {
		subject_of(host, &host->running->adapters[i], &s);
		list_add(result, with(with(name_row(&s), spread_of(&s)), state_of(&s)));
	}
	return result_done(result, err);
}

/* ---- one adapter ---- */

static json_t *
hash_types_of(const struct config_rss *rss)
{
	unsigned bits = config_hash_types(rss);
	json_t *list = json_array();

	for (unsigned i = 0; i < HASH_TYPES; i++)
		if (bits & 1u << i)
			list_add(&list, json_string(hash_types[i]));
	return list;
}

static json_t *
numbers(const unsigned *number, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		list_add(&list, json_integer(number[i]));
	return list;
}

/* The processor of each entry of the default vport's table; none while RSS is not in effect. */
static json_t *
indirection_of(const struct subject *s)
{
	const struct rxplan *plan = s->a != NULL ? atomic_load(&s->a->frontend.plan) : NULL;
	const struct rxmap_vport *vp = plan != NULL ? &plan->vport[0] : NULL;
	json_t *list = json_array();

	for (unsigned i = 0; is_on(s, PLAN_RSS) && vp != NULL && i < (vp->n_entries > 0 ? vp->n_entries : 1); i++) {
		unsigned queue = vp->n_entries > 0 ? vp->entry[i] : 0;

		list_add(&list, json_integer(queue_processor(s->a->queue[queue < s->a->n_queues ? queue : 0])));
	}
	return list;
}

const char *
rss_backing(const struct adapter *a)
{
	return a != NULL && a->hw.n > 0 ? "hardware" : "software";
}

static json_t *
hash_of(const struct subject *s)
{
	char key[2 * CONFIG_RSS_KEY_LEN + 1];

	return json_pack("{s:s, s:s, s:o}", "backing", rss_backing(s->a), "key",
			 config_key_codec.format(s->is->rss.key, key, sizeof(key)), "hash_types",
			 hash_types_of(&s->is->rss));
}

static json_t *
table_of(const struct subject *s)
{
	return json_pack("{s:b, s:o, s:i, s:o}", "dynamic",
			 plan_rss_is_dynamic((enum plan_rss_profile)s->is->rss.profile), "processors",
			 numbers(s->usable, s->n_usable), "entries", (int)s->is->rss.entries, "indirection",
			 indirection_of(s));
}

int
rss_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	struct subject s;

	if (index < 0)
		return index;
	subject_of(host, &host->running->adapters[index], &s);
	*result = with(with(with(with(name_row(&s), state_of(&s)), hash_of(&s)), spread_of(&s)), table_of(&s));
	return result_done(result, err);
}

/* ---- offloads ---- */

static json_t *
offload_row(const struct config_adapter *is)
{
	return json_pack("{s:s, s:s, s:b, s:b, s:b}", "adapter", is->name, "backing", "software", "rx_checksum",
			 is->offload.rx_checksum, "tx_checksum", is->offload.tx_checksum, "lso", is->offload.lso);
}

int
offload_list(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;

	*result = json_array();
	for (unsigned i = 0; i < host->running->n_adapters; i++)
		list_add(result, offload_row(&host->running->adapters[i]));
	return result_done(result, err);
}

int
offload_show(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	const struct host *host = ((const struct control *)ctx)->host;
	int index = named_adapter(host, params, err);
	struct subject s;

	if (index < 0)
		return index;
	subject_of(host, &host->running->adapters[index], &s);
	*result = with(offload_row(s.is), json_pack("{s:b, s:o}", "lso_operational", is_on(&s, PLAN_LSO), "lso_reason",
						    reason_of(&s, PLAN_LSO)));
	return result_done(result, err);
}
