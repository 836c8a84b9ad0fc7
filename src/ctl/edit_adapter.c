/* edit_adapter.c - settings of an adapter: VM queues, RSS, offloads; see handlers.h. */
#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "ctl/config_bind.h"
#include "ctl/edit.h"
#include "ctl/effect.h"
#include "ctl/schema_words.h"

static const char *const profiles[] = { RSS_PROFILE_WORDS, NULL }, *const hash_types[] = { HASH_TYPE_WORDS, NULL };

static void
set_processors(struct config_adapter *is, const json_t *params)
{
	const json_t *base = json_object_get(params, "base_processor"),
		     *last = json_object_get(params, "max_processor");

	if (base != NULL)
		is->base_processor = (int)json_integer_value(base);
	if (last != NULL)
		is->max_processor = (int)json_integer_value(last);
	edit_number(params, "max_processors", &is->max_processors);
	edit_number(params, "queues", &is->queues);
}

/* ---- VM queues ---- */

static int
set_vmq_on(struct config_adapter *is, const json_t *params, struct err *err)
{
	int ret = effect_allow(is, PLAN_VMQ, err);

	if (ret == 0)
		is->mode = ADAPTER_VMQ;
	return ret;
}

/* RSS, where the adapter has it in their place, is not what is to end. */
static int
set_vmq_off(struct config_adapter *is, const json_t *params, struct err *err)
{
	if (is->mode == ADAPTER_VMQ)
		is->mode = ADAPTER_NONE;
	return 0;
}

static int
set_vmq(struct config_adapter *is, const json_t *params, struct err *err)
{
	set_processors(is, params);
	edit_bool(params, "dynamic", &is->dynamic);
	edit_number(params, "high_percent", &is->balance.high_percent);
	edit_number(params, "low_percent", &is->balance.low_percent);
	edit_number(params, "within_percent", &is->balance.within_percent);
	edit_number(params, "gain_percent", &is->balance.gain_percent);
	edit_number(params, "rest_ms", &is->balance.rest_ms);
	edit_number(params, "period_ms", &is->balance.period_ms);
	edit_number(params, "samples", &is->balance.samples);
	return 0;
}

int
vmq_enable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_adapter(((struct control *)ctx)->host, params, set_vmq_on, result, err);
}

int
vmq_disable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_adapter(((struct control *)ctx)->host, params, set_vmq_off, result, err);
}

int
vmq_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	int ret = edit_something(params, "vmq", "set", err);

	return ret < 0 ? ret : edit_adapter(((struct control *)ctx)->host, params, set_vmq, result, err);
}

/* ---- RSS ---- */

/* At most as many as there are, each of them one: the schema has seen to that. */
static void
set_hash_types(struct config_rss *rss, const json_t *words)
{
	const json_t *word;
	size_t i;

	rss->n_hash_types = 0;
	json_array_foreach(words, i, word)
	{
		unsigned type = 0;

		while (hash_types[type + 1] != NULL && strcmp(hash_types[type], json_string_value(word)) != 0)
			type++;
		rss->hash_type[rss->n_hash_types++] = (uint8_t)type;
	}
}

static int
set_key(struct config_rss *rss, const json_t *params, struct err *err)
{
	const char *key = json_string_value(json_object_get(params, "key"));
	bool random = json_is_true(json_object_get(params, "random_key"));

	if (key != NULL && random) {
		err_set(err, -EINVAL, "key and random_key contradict each other");
		err_path(err, "random_key");
		return -EINVAL;
	}
	if (random && getrandom(rss->key, sizeof(rss->key), 0) != (ssize_t)sizeof(rss->key))
		return err_set(err, -EIO, "no random bytes for a key: %s", strerror(errno));
	if (key != NULL && config_key_codec.parse(key, rss->key, err) < 0) {
		err_prefix(err, "key");
		err_path(err, "key");
		return -EINVAL;
	}
	return 0;
}

static int
set_rss(struct config_adapter *is, const json_t *params, struct err *err)
{
	const json_t *types = json_object_get(params, "hash_types");
	unsigned profile = (unsigned)is->rss.profile;

	set_processors(is, params);
	edit_word(params, "profile", profiles, &profile);
	is->rss.profile = (enum config_rss_profile)profile;
	edit_number(params, "entries", &is->rss.entries);
	if (types != NULL)
		set_hash_types(&is->rss, types);
	return set_key(&is->rss, params, err);
}

static int
set_rss_on(struct config_adapter *is, const json_t *params, struct err *err)
{
	int ret = effect_allow(is, PLAN_RSS, err);

	if (ret == 0) {
		is->mode = ADAPTER_RSS;
		is->rss.enabled = true;
	}
	return ret;
}

static int
set_rss_off(struct config_adapter *is, const json_t *params, struct err *err)
{
	is->rss.enabled = false;
	return 0;
}

int
rss_enable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_adapter(((struct control *)ctx)->host, params, set_rss_on, result, err);
}

int
rss_disable(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	return edit_adapter(((struct control *)ctx)->host, params, set_rss_off, result, err);
}

int
rss_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	int ret = edit_something(params, "rss", "set", err);

	return ret < 0 ? ret : edit_adapter(((struct control *)ctx)->host, params, set_rss, result, err);
}

/* ---- offloads ---- */

static int
set_offload(struct config_adapter *is, const json_t *params, struct err *err)
{
	edit_bool(params, "rx_checksum", &is->offload.rx_checksum);
	edit_bool(params, "tx_checksum", &is->offload.tx_checksum);
	edit_bool(params, "lso", &is->offload.lso);
	return 0;
}

int
offload_set(void *ctx, const json_t *params, json_t **result, struct err *err)
{
	int ret = edit_something(params, "offload", "set", err);

	return ret < 0 ? ret : edit_adapter(((struct control *)ctx)->host, params, set_offload, result, err);
}
