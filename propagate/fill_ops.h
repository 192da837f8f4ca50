/* fill_ops.h - called by hf_backend_open after the arithmetic is filled in; see src/backend.h. */
#ifndef HF_PROPAGATE_FILL_OPS_H
#define HF_PROPAGATE_FILL_OPS_H

#include "src/backend.h"

void hf_ref_fill_propagation(hf_backend *be);
void hf_cpu_fill_propagation(hf_backend *be);

#endif
