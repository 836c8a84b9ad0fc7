#ifndef NIC_UPLINK_TX_H
#define NIC_UPLINK_TX_H
/* uplink_tx.h - an uplink as a sink; see uplink.h. */
#include "nic/sink.h"

extern const struct sink_ops uplink_sink_ops;
#endif
