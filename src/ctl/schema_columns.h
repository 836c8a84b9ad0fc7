#ifndef CTL_SCHEMA_COLUMNS_H
#define CTL_SCHEMA_COLUMNS_H
/*
 * schema_columns.h - what the methods answer: the keys of their results, which scripts rely on.
 *
 * Each table ends with name NULL. Used by schema_methods.c alone. A key once shown keeps its name and unit.
 */
#include "ctl/schema.h"

extern const struct schema_key processor_columns[], processor_details[];
extern const struct schema_key queue_columns[], queue_details[];
extern const struct schema_key adapter_columns[], adapter_details[];
extern const struct schema_key switch_columns[], switch_details[];
extern const struct schema_key port_columns[], port_details[], qemu_details[];
extern const struct schema_key vf_columns[], vf_details[];
extern const struct schema_key vmq_columns[], vmq_details[], watch_columns[];
extern const struct schema_key rss_columns[], rss_details[];
extern const struct schema_key vrss_columns[], vrss_details[];
extern const struct schema_key offload_columns[], offload_details[];
extern const struct schema_key drop_columns[];
extern const struct schema_key book_details[];
extern const struct schema_key top_params[], top_details[];
extern const struct schema_key check_details[], apply_details[], config_details[], save_details[];
extern const struct schema_key port_changed[], adapter_changed[], queue_changed[], pin_changed[];
#endif
