/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced. */
#include "src/backend.h"

int hf_cpu_fill(hf_backend *be, hf_error *err)
{
    return hf_ref_fill(be, err);
}
