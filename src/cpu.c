/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "propagate/match_dense.h"
#include "src/backend.h"

#include "propagate/match_stay.h"
#include "propagate/splat.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.splat = hf_cpu_splat;
    be->ops.match_stay = hf_cpu_match_stay;
}
