/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "src/backend.h"

#include "propagate/cosine_dense.h"
#include "propagate/splat.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    hf_splat_cpu_fill(be);
    hf_cosine_dense_cpu_fill(be);
}
