/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "src/backend.h"

#include "propagate/match_context.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
    be->ops.match_context = hf_cpu_match_context;
}
