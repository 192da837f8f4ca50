/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "src/backend.h"

#include "propagate/match_context.h"
#include "propagate/match_dense.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.match_dense_scratch_bytes = hf_cpu_match_dense_scratch_bytes;
    be->ops.match_dense = hf_cpu_match_dense;
    be->ops.match_context = hf_cpu_match_context;
}
