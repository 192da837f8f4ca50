/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "propagate/match_context.h"
#include "propagate/match_dense.h"
#include "propagate/match_stay.h"
#include "propagate/splat.h"
#include "src/backend.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.match_dense_scratch_bytes = hf_cpu_match_dense_scratch_bytes;
    be->ops.match_dense = hf_cpu_match_dense;
    be->ops.match_stay = hf_cpu_match_stay;
    be->ops.splat = hf_cpu_splat;
    be->ops.match_context = hf_cpu_match_context;
}
