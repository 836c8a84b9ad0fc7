/* matrix.c - the table of matrix.h. */
#include "plan/matrix.h"

#include <string.h>

enum rule_kind {
	RULE_END,
	RULE_FACT,     /* what: a PLAN_FACT_* that must hold */
	RULE_NEEDS,    /* what: a feature that must be operational */
	RULE_EXCLUDED, /* what: a feature that must not be wanted */
	RULE_REPLACED, /* what: a feature that must not be operational */
	RULE_NEVER,    /* planned only */
};

struct rule {
	enum rule_kind kind;
	unsigned what;
	enum plan_reason why;
};

#define RULES_MAX 8

/* In the order of the rules the first that fails is told. A feature that another one needs stands before it in the enum. */
static const struct {
	enum plan_reason off;
	struct rule rules[RULES_MAX];
} features[PLAN_FEATURE_COUNT] = {
	[PLAN_RX_CHECKSUM] = { PLAN_REASON_OFF_RX_CHECKSUM, { { RULE_END } } },
	[PLAN_TX_CHECKSUM] = { PLAN_REASON_OFF_TX_CHECKSUM, { { RULE_END } } },
	/* 2.6: checksum offload is required for RSS and LSO to work. */
	[PLAN_LSO] = { PLAN_REASON_OFF_LSO, { { RULE_NEEDS, PLAN_TX_CHECKSUM, PLAN_REASON_TX_CHECKSUM } } },
	[PLAN_SRIOV] = { PLAN_REASON_OFF, { { RULE_NEVER, 0, PLAN_REASON_NOT_OFFERED } } },
	/* 2.6 and 3.1: the same hardware queues. */
	[PLAN_VMQ] = { PLAN_REASON_OFF_VMQ,
		       { { RULE_EXCLUDED, PLAN_RSS, PLAN_REASON_RSS },
			 { RULE_FACT, PLAN_FACT_ADAPTER, PLAN_REASON_NO_SWITCH },
			 { RULE_FACT, PLAN_FACT_FILTERS, PLAN_REASON_MEDIUM },
			 { RULE_FACT, PLAN_FACT_UPLINK, PLAN_REASON_NO_UPLINK } } },
	[PLAN_DYNAMIC_VMQ] = { PLAN_REASON_OFF_DYNAMIC,
			       { { RULE_EXCLUDED, PLAN_RSS, PLAN_REASON_RSS },
				 { RULE_NEEDS, PLAN_VMQ, PLAN_REASON_NO_VMQ },
				 { RULE_FACT, PLAN_FACT_PROCESSORS, PLAN_REASON_ONE_PROCESSOR } } },
	[PLAN_RSS] = { PLAN_REASON_OFF_RSS,
		       { { RULE_EXCLUDED, PLAN_VMQ, PLAN_REASON_VMQ },
			 { RULE_NEEDS, PLAN_RX_CHECKSUM, PLAN_REASON_RX_CHECKSUM },
			 { RULE_NEEDS, PLAN_LSO, PLAN_REASON_LSO },
			 { RULE_FACT, PLAN_FACT_ADAPTER, PLAN_REASON_NO_SWITCH },
			 { RULE_FACT, PLAN_FACT_FILTERS, PLAN_REASON_MEDIUM },
			 { RULE_FACT, PLAN_FACT_UPLINK, PLAN_REASON_NO_UPLINK } } },
	/* 4: VMQ on at the NIC and at the port, several processors in the VM, no VF driving the NIC. */
	[PLAN_VRSS] = { PLAN_REASON_OFF_VRSS,
			{ { RULE_REPLACED, PLAN_SRIOV, PLAN_REASON_SRIOV },
			  { RULE_FACT, PLAN_FACT_ADAPTER, PLAN_REASON_NO_ADAPTER },
			  { RULE_NEEDS, PLAN_VMQ, PLAN_REASON_NO_VMQ },
			  { RULE_FACT, PLAN_FACT_WEIGHT, PLAN_REASON_WEIGHT },
			  { RULE_FACT, PLAN_FACT_QUEUES, PLAN_REASON_ONE_QUEUE },
			  { RULE_FACT, PLAN_FACT_GUEST, PLAN_REASON_GUEST } } },
	[PLAN_VMMQ] = { PLAN_REASON_OFF_VRSS,
			{ { RULE_NEEDS, PLAN_VRSS, PLAN_REASON_NO_VRSS },
			  { RULE_FACT, PLAN_FACT_HELD, PLAN_REASON_NO_QUEUE } } },
};

static const struct {
	const char *name, *sentence, *hint;
} reasons[PLAN_REASON_COUNT] = {
#define X(id, name, sentence, hint) { name, sentence, hint },
	PLAN_REASONS(X)
#undef X
};

static bool
rule_holds(const struct rule *r, const struct plan_asked *asked, const enum plan_reason *why)
{
	switch (r->kind) {
	case RULE_FACT:
		return (asked->facts & r->what) != 0;
	case RULE_NEEDS:
		return why[r->what] == PLAN_REASON_OPERATIONAL;
	case RULE_EXCLUDED:
		return !asked->wanted[r->what];
	case RULE_REPLACED:
		return why[r->what] != PLAN_REASON_OPERATIONAL;
	default:
		return false;
	}
}

static enum plan_reason
decide(enum plan_feature f, const struct plan_asked *asked, const enum plan_reason *why)
{
	const struct rule *r = features[f].rules;

	for (; r->kind == RULE_EXCLUDED; r++)
		if (!rule_holds(r, asked, why))
			return r->why;
	if (!asked->wanted[f])
		return features[f].off;
	for (; r->kind != RULE_END; r++)
		if (!rule_holds(r, asked, why))
			return r->why;
	return PLAN_REASON_OPERATIONAL;
}

void
plan_matrix(const struct plan_asked *asked, enum plan_reason why[PLAN_FEATURE_COUNT])
{
	for (unsigned f = 0; f < PLAN_FEATURE_COUNT; f++)
		why[f] = decide((enum plan_feature)f, asked, why);
}

enum plan_relation
plan_relation(enum plan_feature a, enum plan_feature b)
{
	for (const struct rule *r = features[a].rules; r->kind != RULE_END; r++) {
		if (r->kind == RULE_FACT || r->kind == RULE_NEVER || r->what != b)
			continue;
		return r->kind == RULE_NEEDS      ? PLAN_NEEDS
		       : r->kind == RULE_EXCLUDED ? PLAN_EXCLUDED_BY
						  : PLAN_REPLACED_BY;
	}
	return PLAN_TOGETHER;
}

const char *
plan_reason_name(enum plan_reason why)
{
	return reasons[why].name;
}

/* text with the names in place of ADAPTER and PORT; what does not fit is cut. */
static char *
put_names(const char *text, const char *adapter, const char *port, char *out, size_t size)
{
	const char *const words[] = { "ADAPTER", "PORT" };
	const char *const names[] = { adapter, port };
	size_t len = 0;

	while (*text != '\0' && len + 1 < size) {
		size_t w = 0;

		while (w < 2 && (names[w] == NULL || strncmp(text, words[w], strlen(words[w])) != 0))
			w++;
		if (w == 2) {
			out[len++] = *text++;
			continue;
		}
		for (const char *c = names[w]; *c != '\0' && len + 1 < size; c++)
			out[len++] = *c;
		text += strlen(words[w]);
	}
	out[len] = '\0';
	return out;
}

char *
plan_reason_sentence(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size)
{
	return put_names(reasons[why].sentence, adapter, port, out, size);
}

char *
plan_reason_hint(enum plan_reason why, const char *adapter, const char *port, char *out, size_t size)
{
	return put_names(reasons[why].hint, adapter, port, out, size);
}
