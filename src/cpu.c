/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "src/backend.h"

void hf_cpu_fill(hf_backend *be)
{
    hf_ref_fill(be);
}
