/* drop.c - names and texts of the drop reasons; see drop.h. */
#include "pkt/drop.h"

static const char *const names[] = {
#define X(id, name, text) name,
	DROP_REASONS(X)
#undef X
};

static const char *const texts[] = {
#define X(id, name, text) text,
	DROP_REASONS(X)
#undef X
};

const char *
drop_reason_name(enum drop_reason why)
{
	return (unsigned)why < DROP_REASON_COUNT ? names[why] : "unknown";
}

const char *
drop_reason_text(enum drop_reason why)
{
	return (unsigned)why < DROP_REASON_COUNT ? texts[why] : "unknown";
}
