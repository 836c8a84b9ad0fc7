/* moderation.c - when to interrupt; see moderation.h. */
#include "nic/moderation.h"

#include <string.h>

const char *
moderation_text(enum moderation_mode mode)
{
	static const char *const text[MODERATION_MODES] = { [MODERATION_ADAPTIVE] = "adaptive",
							    [MODERATION_OFF] = "off",
							    [MODERATION_LOW] = "low",
							    [MODERATION_MEDIUM] = "medium",
							    [MODERATION_HIGH] = "high" };

	return (unsigned)mode < MODERATION_MODES ? text[mode] : "unknown";
}

/* From now on entries are counted at that level. */
static void
enter(struct moderation *m, uint64_t now, uint8_t level)
{
	if ((level == 0) != (m->level == 0)) {
		m->entries = 0;
		m->since = now;
		m->faith = m->harm = 0;
	}
	m->level = level;
}

/* Adaptive begins without a gap. */
static void
begin(struct moderation *m, uint8_t mode)
{
	m->is = mode;
	m->level = m->faith = m->harm = 0;
	m->trial = MODERATION_TRIAL_MIN;
	m->free = (struct moderation_rate){ 0 };
	m->entries = 0;
	m->since = m->next;
}

void
moderation_init(struct moderation *m, uint64_t hz, uint32_t size, uint16_t used)
{
	m->holding = false;
	m->limit = size > 1 ? (uint16_t)(size / 2) : 1;
	m->told = m->last = used;
	m->us = (uint32_t)(hz / 1000000);
	m->next = m->hold_at = m->last_at = m->again_at = 0;
	begin(m, atomic_load_explicit(&m->mode, memory_order_relaxed));
}

/* Cycles from one interrupt to the next, at least. */
static uint64_t
gap(const struct moderation *m)
{
	static const uint16_t fixed_us[MODERATION_MODES] = { [MODERATION_LOW] = MODERATION_LOW_US,
							     [MODERATION_MEDIUM] = MODERATION_MEDIUM_US,
							     [MODERATION_HIGH] = MODERATION_HIGH_US };

	if (m->is != MODERATION_ADAPTIVE)
		return (uint64_t)m->us * fixed_us[m->is];
	return m->level == 0 ? 0 : (uint64_t)m->us * ((unsigned)MODERATION_SHORTEST_US << (m->level - 1));
}

static uint64_t
ms(const struct moderation *m, unsigned n)
{
	return (uint64_t)m->us * 1000 * n;
}

/* So many of the shortest gaps, cycles. */
static uint64_t
gaps(const struct moderation *m, unsigned n)
{
	return (uint64_t)m->us * MODERATION_SHORTEST_US * n;
}

/* No gap, for longer each time. */
static void
give_up(struct moderation *m, uint64_t now)
{
	enter(m, now, 0);
	if (m->trial < MODERATION_TRIAL_MAX)
		m->trial *= 2;
}

/* Without a gap. */
static void
measure(struct moderation *m, uint64_t now)
{
	uint64_t cycles = now - m->since;

	if (m->entries < m->trial || cycles < gaps(m, m->trial))
		return;
	m->free = (struct moderation_rate){ m->entries, cycles };
	m->again_at = now + ms(m, 1000);
	enter(m, now, MODERATION_TRIED);
}

/* With one: does it do harm? */
static void
compare(struct moderation *m, uint64_t now)
{
	uint64_t cycles = now - m->since;

	if (m->entries < MODERATION_EPOCH || cycles < ms(m, MODERATION_EPOCH_MS))
		return;
	if ((double)m->entries * (double)m->free.cycles < 0.75 * (double)m->free.entries * (double)cycles) {
		m->harm++;
	} else {
		m->harm = 0;
		m->trial = MODERATION_TRIAL_MIN;
	}
	m->entries = 0;
	m->since = now;
	if (m->harm == MODERATION_HARM)
		give_up(m, now);
	else if (now >= m->again_at)
		enter(m, now, 0);
}

/* After silence, which is no part of any rate: the gap that is tried, at most. */
static void
skip_silence(struct moderation *m, uint64_t now)
{
	m->since += now - m->next;
	if (m->level > MODERATION_TRIED)
		m->level = MODERATION_TRIED;
}

/* An interrupt tells of all up to `used`. */
static void
tell(struct moderation *m, uint64_t now, uint16_t used)
{
	m->entries += (uint16_t)(used - m->told);
	m->told = m->last = used;
	m->holding = false;
	if (m->is != MODERATION_ADAPTIVE)
		return;
	if (now > m->next + ms(m, MODERATION_SILENCE_MS))
		skip_silence(m, now);
	if (m->level == 0)
		measure(m, now);
	else
		compare(m, now);
}

void
moderation_called(struct moderation *m, uint64_t now, uint16_t used)
{
	tell(m, now, used);
	m->next = now + gap(m);
}

static void
wait_was_good(struct moderation *m, uint16_t entries)
{
	if (m->faith < MODERATION_FAITH)
		m->faith++;
	if (entries < MODERATION_ENOUGH && m->level < MODERATION_LEVELS)
		m->level++;
	else if (entries >= 4 * MODERATION_ENOUGH && m->level > 1)
		m->level--; /* as few interrupts, sooner */
}

static void
wait_was_in_vain(struct moderation *m, uint64_t now)
{
	if (m->level > 1)
		m->level--;
	else if (m->faith > 0)
		m->faith--;
	else if (m->level == 1)
		give_up(m, now);
}

/* The interrupt that was held back has been sent when it was due, or a little earlier. */
static void
judge(struct moderation *m, uint64_t now)
{
	uint64_t at = now < m->next ? now : m->next, due = m->next;

	if (m->is == MODERATION_ADAPTIVE) {
		if (m->last_at - m->hold_at > (due - m->hold_at) / 2)
			wait_was_good(m, (uint16_t)(m->last - m->told));
		else
			wait_was_in_vain(m, at);
	}
	tell(m, at, m->last);
	m->next = due + gap(m);
}

static bool
must_tell(const struct moderation *m, uint16_t used)
{
	return (uint16_t)(used - m->told) >= m->limit;
}

enum moderation_verdict
moderation_look(struct moderation *m, uint64_t now, uint16_t used, bool wanted, bool held)
{
	uint8_t mode = atomic_load_explicit(&m->mode, memory_order_relaxed);

	if (mode != m->is)
		begin(m, mode);
	if (held && now < m->next && m->is != MODERATION_OFF && !must_tell(m, used)) {
		m->last = used;
		m->last_at = now;
		return MODERATION_NOTHING;
	}
	if (held) {
		if (now >= m->next)
			judge(m, now);
		moderation_called(m, now, used);
		return MODERATION_TAKE;
	}
	if (m->holding)
		judge(m, now);
	if (!wanted)
		return MODERATION_NOTHING;
	if (now >= m->next || m->is == MODERATION_OFF || must_tell(m, used)) {
		moderation_called(m, now, used);
		return MODERATION_CALL;
	}
	m->holding = true;
	m->last = used;
	m->hold_at = m->last_at = now;
	return MODERATION_HOLD;
}
