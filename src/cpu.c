/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "propagate/match_dense.h"
#include "src/backend.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.match_dense_scratch_bytes = hf_cpu_match_dense_scratch_bytes;
    be->ops.match_dense = hf_cpu_match_dense;
}
