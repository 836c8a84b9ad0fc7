#ifndef CTL_CONFIG_VALUE_H
#define CTL_CONFIG_VALUE_H
/*
 * config_value.h - one scalar of the file to a field and back, by its key's row. Private to the configuration.
 */
#include "ctl/config_bind.h"
#include "ctl/ydoc.h"

#define CONFIG_VLAN_MOST 4094 /* IEEE 802.1Q-2022, table 9-2: 0 and 4095 are reserved */

/*
 * Reads a scalar node as type (the key's own, or its item's) into field; the width is the key's bind's. Returns 0, or -EINVAL
 * with what is wrong ("70 is outside 1 to 64") and a hint in err; then field is as before.
 */
int config_value_parse(const struct schema_key *key, enum schema_type type, const struct ynode *node, void *field,
		       struct err *err);

/* Puts "10" or "20-30" into a set of VLANs, a bit each in 64 words. Returns as above. */
int config_vlan_add(const struct schema_key *key, const struct ynode *node, uint64_t *set, struct err *err);

/* Writes field as YAML that reads back as the same. */
void config_value_print(FILE *out, const struct schema_key *key, enum schema_type type, const void *field);
void config_vlan_print(FILE *out, const uint64_t *set);

/* The field of an INT, SPEED, BOOL or ENUM by its width. No key's max is beyond INT32_MAX, so 4 bytes are read as signed. */
int64_t config_load(const void *field, size_t size);
void config_store(void *field, size_t size, int64_t value);

/* "sleep, poll": the words of an ENUM or BOOL that this version offers. Writes size bytes; returns out. */
char *config_choices_text(const struct schema_key *key, char *out, size_t size);
#endif
