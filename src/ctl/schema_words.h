#ifndef CTL_SCHEMA_WORDS_H
#define CTL_SCHEMA_WORDS_H
/*
 * schema_words.h - words that a key of the configuration and parameters or results of methods share: initializers of arrays
 * that end with NULL, in the order of their enum in config.h. Private to ctl.
 */
#define RSS_PROFILE_WORDS "closest", "closest-static", "numa", "numa-static", "conservative"
#define HASH_TYPE_WORDS \
	"ipv4", "tcp-ipv4", "udp-ipv4", "ipv6", "tcp-ipv6", "udp-ipv6", "ipv6-ex", "tcp-ipv6-ex", "udp-ipv6-ex"
#define SCHEDULING_WORDS "dynamic", "static"
#define VF_MODEL_WORDS "x550", "x540", "82599", "x550_hv", "x540_hv", "82599_hv"
#define MODERATION_WORDS "adaptive", "off", "low", "medium", "high"
#endif
