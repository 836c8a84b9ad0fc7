#ifndef PKT_CRC32C_H
#define PKT_CRC32C_H
/*
 * crc32c.h - CRC-32C (Castagnoli), which SCTP and iSCSI use: RFC 9260, appendix A. Any thread.
 */
#include <stddef.h>
#include <stdint.h>

/* Of len bytes: preset to ones, inverted at the end. */
uint32_t crc32c(const void *data, size_t len);
#endif
