/* matrix_test.c - the combination matrix: single cases, the relations of NDIS, and what must hold over every combination. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "plan/matrix.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BIT(f) (1u << PLAN_##f)
#define CHECKSUMS (BIT(RX_CHECKSUM) | BIT(TX_CHECKSUM) | BIT(LSO))
#define ALL PLAN_FACT_ALL
#define WITHOUT(fact) (PLAN_FACT_ALL & ~(unsigned)PLAN_FACT_##fact)

static struct plan_asked
asked_of(unsigned wanted, unsigned facts)
{
	struct plan_asked asked = { .facts = facts };

	for (unsigned f = 0; f < PLAN_FEATURE_COUNT; f++)
		asked.wanted[f] = (wanted & (1u << f)) != 0;
	return asked;
}

static const struct {
	const char *name;
	unsigned wanted, facts;
	enum plan_feature feature;
	enum plan_reason why;
} rows[] = {
#define IS(why) PLAN_REASON_##why
	/* A-6, B-6: RSS and VMQ are the same queues. */
	{ "RSS alone", CHECKSUMS | BIT(RSS), ALL, PLAN_RSS, IS(OPERATIONAL) },
	{ "VMQ alone", BIT(VMQ), ALL, PLAN_VMQ, IS(OPERATIONAL) },
	{ "VMQ where RSS is", CHECKSUMS | BIT(RSS) | BIT(VMQ), ALL, PLAN_VMQ, IS(RSS) },
	{ "RSS where VMQ is", CHECKSUMS | BIT(RSS) | BIT(VMQ), ALL, PLAN_RSS, IS(VMQ) },
	{ "why RSS is off in mode vmq", CHECKSUMS | BIT(VMQ), ALL, PLAN_RSS, IS(VMQ) },
	{ "why VMQ is off in mode rss", CHECKSUMS | BIT(RSS), ALL, PLAN_VMQ, IS(RSS) },
	{ "RSS off", CHECKSUMS, ALL, PLAN_RSS, IS(OFF_RSS) },
	{ "VMQ off", 0, ALL, PLAN_VMQ, IS(OFF_VMQ) },
	/* 2.6: RSS depends on checksum and LSO. */
	{ "RSS without receive checksum", CHECKSUMS ^ (BIT(RX_CHECKSUM) | BIT(RSS)), ALL, PLAN_RSS, IS(RX_CHECKSUM) },
	{ "RSS without LSO", CHECKSUMS ^ (BIT(LSO) | BIT(RSS)), ALL, PLAN_RSS, IS(LSO) },
	{ "RSS without transmit checksum, on which LSO depends", CHECKSUMS ^ (BIT(TX_CHECKSUM) | BIT(RSS)), ALL,
	  PLAN_RSS, IS(LSO) },
	{ "LSO without transmit checksum", BIT(LSO), ALL, PLAN_LSO, IS(TX_CHECKSUM) },
	{ "LSO off", BIT(TX_CHECKSUM), ALL, PLAN_LSO, IS(OFF_LSO) },
	{ "VMQ does not depend on them", BIT(VMQ), ALL, PLAN_VMQ, IS(OPERATIONAL) },
	{ "checksum off", 0, ALL, PLAN_RX_CHECKSUM, IS(OFF_RX_CHECKSUM) },
	/* What the adapter stands on. */
	{ "RSS without a switch", CHECKSUMS | BIT(RSS), WITHOUT(ADAPTER), PLAN_RSS, IS(NO_SWITCH) },
	{ "RSS on a memif", CHECKSUMS | BIT(RSS), WITHOUT(FILTERS), PLAN_RSS, IS(MEDIUM) },
	{ "VMQ on a memif", BIT(VMQ), WITHOUT(FILTERS), PLAN_VMQ, IS(MEDIUM) },
	{ "VMQ while the uplink is gone", BIT(VMQ), WITHOUT(UPLINK), PLAN_VMQ, IS(NO_UPLINK) },
	/* dVMQ */
	{ "dVMQ", BIT(VMQ) | BIT(DYNAMIC_VMQ), ALL, PLAN_DYNAMIC_VMQ, IS(OPERATIONAL) },
	{ "static VMQ", BIT(VMQ), ALL, PLAN_DYNAMIC_VMQ, IS(OFF_DYNAMIC) },
	{ "dVMQ while VMQ is off", BIT(DYNAMIC_VMQ), ALL, PLAN_DYNAMIC_VMQ, IS(NO_VMQ) },
	{ "dVMQ in mode rss", CHECKSUMS | BIT(RSS) | BIT(DYNAMIC_VMQ), ALL, PLAN_DYNAMIC_VMQ, IS(RSS) },
	{ "dVMQ on one processor", BIT(VMQ) | BIT(DYNAMIC_VMQ), WITHOUT(PROCESSORS), PLAN_DYNAMIC_VMQ,
	  IS(ONE_PROCESSOR) },
	/* A-10 and section 4: what vRSS needs. */
	{ "vRSS on VMQ", BIT(VMQ) | BIT(VRSS), ALL, PLAN_VRSS, IS(OPERATIONAL) },
	{ "vRSS without VMQ", BIT(VRSS), ALL, PLAN_VRSS, IS(NO_VMQ) },
	{ "vRSS on an RSS adapter", CHECKSUMS | BIT(RSS) | BIT(VRSS), ALL, PLAN_VRSS, IS(NO_VMQ) },
	{ "vRSS on a switch without adapter", BIT(VRSS), WITHOUT(ADAPTER), PLAN_VRSS, IS(NO_ADAPTER) },
	{ "vRSS of a port that claims no VM queue", BIT(VMQ) | BIT(VRSS), WITHOUT(WEIGHT), PLAN_VRSS, IS(WEIGHT) },
	{ "vRSS of a port with one queue pair", BIT(VMQ) | BIT(VRSS), WITHOUT(QUEUES), PLAN_VRSS, IS(ONE_QUEUE) },
	{ "vRSS of a guest that uses one", BIT(VMQ) | BIT(VRSS), WITHOUT(GUEST), PLAN_VRSS, IS(GUEST) },
	{ "vRSS off", BIT(VMQ), ALL, PLAN_VRSS, IS(OFF_VRSS) },
	{ "VMMQ", BIT(VMQ) | BIT(VRSS) | BIT(VMMQ), ALL, PLAN_VMMQ, IS(OPERATIONAL) },
	{ "VMMQ without a VM queue", BIT(VMQ) | BIT(VRSS) | BIT(VMMQ), WITHOUT(HELD), PLAN_VMMQ, IS(NO_QUEUE) },
	{ "VMMQ without vRSS", BIT(VMQ) | BIT(VMMQ), ALL, PLAN_VMMQ, IS(NO_VRSS) },
	/* Planned: what is asked for changes nothing of the others. */
	{ "SR-IOV", BIT(SRIOV), ALL, PLAN_SRIOV, IS(NOT_OFFERED) },
	{ "vRSS beside SR-IOV that is only asked for", BIT(SRIOV) | BIT(VMQ) | BIT(VRSS), ALL, PLAN_VRSS,
	  IS(OPERATIONAL) },
};

static void
each_case_has_its_reason(void **state)
{
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct plan_asked asked = asked_of(rows[i].wanted, rows[i].facts);
		enum plan_reason why[PLAN_FEATURE_COUNT];

		print_message("%s\n", rows[i].name);
		plan_matrix(&asked, why);
		assert_int_equal(why[rows[i].feature], rows[i].why);
	}
}

/* 2.6 and 10.2, the pairs that exist here; every pair that is not named goes together. */
static void
the_relations_are_those_of_the_matrix(void **state)
{
	static const struct {
		enum plan_feature a, b;
		enum plan_relation relation;
	} named[] = {
		{ PLAN_RSS, PLAN_VMQ, PLAN_EXCLUDED_BY },
		{ PLAN_VMQ, PLAN_RSS, PLAN_EXCLUDED_BY },
		{ PLAN_DYNAMIC_VMQ, PLAN_RSS, PLAN_EXCLUDED_BY },
		{ PLAN_RSS, PLAN_RX_CHECKSUM, PLAN_NEEDS },
		{ PLAN_RSS, PLAN_LSO, PLAN_NEEDS },
		{ PLAN_LSO, PLAN_TX_CHECKSUM, PLAN_NEEDS },
		{ PLAN_DYNAMIC_VMQ, PLAN_VMQ, PLAN_NEEDS },
		{ PLAN_VRSS, PLAN_VMQ, PLAN_NEEDS },
		{ PLAN_VRSS, PLAN_SRIOV, PLAN_REPLACED_BY },
		{ PLAN_VMMQ, PLAN_VRSS, PLAN_NEEDS },
	};

	for (unsigned a = 0; a < PLAN_FEATURE_COUNT; a++) {
		for (unsigned b = 0; b < PLAN_FEATURE_COUNT; b++) {
			enum plan_relation want = PLAN_TOGETHER;

			for (size_t i = 0; i < COUNT(named); i++)
				if (named[i].a == a && named[i].b == b)
					want = named[i].relation;
			assert_int_equal(plan_relation((enum plan_feature)a, (enum plan_feature)b), want);
		}
	}
}

/* Whether a reason tells the truth about what was asked. */
static bool
is_true(enum plan_reason why, const struct plan_asked *q, const enum plan_reason *all)
{
	switch (why) {
	case PLAN_REASON_RSS:
		return q->wanted[PLAN_RSS];
	case PLAN_REASON_VMQ:
		return q->wanted[PLAN_VMQ];
	case PLAN_REASON_RX_CHECKSUM:
		return !q->wanted[PLAN_RX_CHECKSUM];
	case PLAN_REASON_TX_CHECKSUM:
		return !q->wanted[PLAN_TX_CHECKSUM];
	case PLAN_REASON_LSO:
		return !q->wanted[PLAN_LSO] || !q->wanted[PLAN_TX_CHECKSUM];
	case PLAN_REASON_NO_SWITCH:
	case PLAN_REASON_NO_ADAPTER:
		return !(q->facts & PLAN_FACT_ADAPTER);
	case PLAN_REASON_NO_UPLINK:
		return !(q->facts & PLAN_FACT_UPLINK);
	case PLAN_REASON_MEDIUM:
		return !(q->facts & PLAN_FACT_FILTERS);
	case PLAN_REASON_ONE_PROCESSOR:
		return !(q->facts & PLAN_FACT_PROCESSORS);
	case PLAN_REASON_NO_VMQ:
		return all[PLAN_VMQ] != PLAN_REASON_OPERATIONAL;
	case PLAN_REASON_WEIGHT:
		return !(q->facts & PLAN_FACT_WEIGHT);
	case PLAN_REASON_NO_QUEUE:
		return !(q->facts & PLAN_FACT_HELD);
	case PLAN_REASON_NO_VRSS:
		return all[PLAN_VRSS] != PLAN_REASON_OPERATIONAL;
	case PLAN_REASON_ONE_QUEUE:
		return !(q->facts & PLAN_FACT_QUEUES);
	case PLAN_REASON_GUEST:
		return !(q->facts & PLAN_FACT_GUEST);
	case PLAN_REASON_NOT_OFFERED:
		return q->wanted[PLAN_SRIOV];
	default:
		return false; /* SRIOV: no virtual function is ever in effect */
	}
}

static bool
is_off(enum plan_reason why)
{
	return strcmp(plan_reason_name(why), "off") == 0;
}

static void
over_all_combinations_nothing_contradicts_itself(void **state)
{
	unsigned operational[PLAN_FEATURE_COUNT] = { 0 };

	for (unsigned wanted = 0; wanted < 1u << PLAN_FEATURE_COUNT; wanted++) {
		for (unsigned facts = 0; facts <= PLAN_FACT_ALL; facts++) {
			struct plan_asked asked = asked_of(wanted, facts);
			enum plan_reason why[PLAN_FEATURE_COUNT];

			plan_matrix(&asked, why);
			for (unsigned f = 0; f < PLAN_FEATURE_COUNT; f++) {
				if (why[f] == PLAN_REASON_OPERATIONAL)
					operational[f] += asked.wanted[f] ? 1 : 1u << 31;
				else if (is_off(why[f]))
					assert_false(asked.wanted[f]);
				else
					assert_true(is_true(why[f], &asked, why));
			}
#define ON(f) (why[PLAN_##f] == PLAN_REASON_OPERATIONAL)
			assert_false(ON(RSS) && ON(VMQ));
			assert_false(ON(RSS) && !(ON(RX_CHECKSUM) && ON(TX_CHECKSUM) && ON(LSO)));
			assert_false((ON(DYNAMIC_VMQ) || ON(VRSS)) && !ON(VMQ));
			assert_false(ON(VMMQ) && !ON(VRSS));
			assert_false(ON(RSS) && ON(VRSS));
		}
	}
	/*
	 * In how many each is in effect: of 512 x 256, halved for each feature that must or must not be wanted and each fact that must hold.
	 * DYNAMIC_VMQ: itself, VMQ, not RSS; ADAPTER, FILTERS, UPLINK, PROCESSORS.
	 */
	assert_int_equal(operational[PLAN_RX_CHECKSUM], 131072 / 2);
	assert_int_equal(operational[PLAN_TX_CHECKSUM], 131072 / 2);
	assert_int_equal(operational[PLAN_LSO], 131072 / 4);
	assert_int_equal(operational[PLAN_SRIOV], 0);
	assert_int_equal(operational[PLAN_VMQ], 131072 / (4 * 8));
	assert_int_equal(operational[PLAN_DYNAMIC_VMQ], 131072 / (8 * 16));
	assert_int_equal(operational[PLAN_RSS], 131072 / (32 * 8));
	assert_int_equal(operational[PLAN_VRSS], 131072 / (8 * 64));
	assert_int_equal(operational[PLAN_VMMQ], 131072 / (16 * 128));
}

static void
a_reason_is_a_sentence_with_the_names_in_it(void **state)
{
	char out[256], small[12];

	plan_reason_hint(PLAN_REASON_RSS, "wire", NULL, out, sizeof(out));
	assert_string_equal(out, "fairlead rss disable wire, then fairlead vmq enable wire");
	plan_reason_hint(PLAN_REASON_WEIGHT, "wire", "vm1", out, sizeof(out));
	assert_string_equal(out, "fairlead port set vm1 --vmq-weight 100");
	plan_reason_sentence(PLAN_REASON_NO_UPLINK, "wire", "vm1", out, sizeof(out));
	assert_string_equal(out, "the uplink of wire is gone");
	assert_string_equal(plan_reason_sentence(PLAN_REASON_NO_UPLINK, "wire", NULL, small, sizeof(small)),
			    "the uplink ");
	for (unsigned why = 1; why < PLAN_REASON_COUNT; why++) {
		assert_true(strlen(plan_reason_name((enum plan_reason)why)) > 0);
		assert_true(strlen(plan_reason_sentence((enum plan_reason)why, "a", "p", out, sizeof(out))) > 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_case_has_its_reason),
		cmocka_unit_test(the_relations_are_those_of_the_matrix),
		cmocka_unit_test(over_all_combinations_nothing_contradicts_itself),
		cmocka_unit_test(a_reason_is_a_sentence_with_the_names_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
