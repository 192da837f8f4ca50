/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "propagate/match_dense.h"
#include "src/backend.h"

#include "propagate/cosine_dense.h"
#include "propagate/splat.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.splat = hf_cpu_splat;
    be->ops.cosine_dense = hf_cpu_cosine_dense;
}
