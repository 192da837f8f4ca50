/* cpu.c - the `cpu` backend: `ref` with its hot entries replaced.
 *
 * Convolutions and matrices with weights run in oneDNN (cpu_conv.c), products of two
 * activations and attention on its sgemm (cpu_matmul.c, cpu_attention.c), the rest in
 * own vector loops. Entries that only move a few rows stay those of `ref`.
 */
#include "src/cpu.h"

#include <omp.h>
#include <stdlib.h>

int hf_dnnl_check(dnnl_status_t status, const char *call, const char *file, int line,
                  hf_error *err)
{
    if (status == dnnl_success)
        return HF_OK;
    hf_status kind = status == dnnl_out_of_memory ? HF_ENOMEM
                   : status == dnnl_unimplemented ? HF_EUNSUPPORTED : HF_EDEVICE;
    return hf_fail(err, kind, "oneDNN status %d at %s:%d: %.200s", (int)status, file, line, call);
}

void *hf_cpu_scratch(hf_backend *be, hf_cpu_slot slot, size_t bytes, hf_error *err)
{
    hf_cpu *cpu = hf_cpu_of(be);
    if (bytes <= cpu->scratch[slot].bytes && cpu->scratch[slot].data)
        return cpu->scratch[slot].data;
    be->ops.free(be, cpu->scratch[slot].data);
    cpu->scratch[slot].data = be->ops.alloc(be, bytes);
    cpu->scratch[slot].bytes = cpu->scratch[slot].data ? bytes : 0;
    cpu->n_growths++;
    if (!cpu->scratch[slot].data)
        hf_fail(err, HF_ENOMEM, "cpu: no memory for %zu bytes of scratch", bytes);
    return cpu->scratch[slot].data;
}

int64_t hf_cpu_n_growths(hf_backend *be)
{
    return hf_cpu_of(be)->n_growths;
}

void hf_cpu_use_threads(hf_backend *be)
{
    if (omp_get_max_threads() != be->n_threads)
        omp_set_num_threads(be->n_threads);
}

static void cpu_close(hf_backend *be)
{
    hf_cpu *cpu = hf_cpu_of(be);
    if (!cpu)
        return;
    hf_cpu_plans_free(cpu);
    for (int i = 0; i < HF_CPU_N_SLOTS; i++)
        be->ops.free(be, cpu->scratch[i].data);
    if (cpu->stream)
        dnnl_stream_destroy(cpu->stream);
    if (cpu->engine)
        dnnl_engine_destroy(cpu->engine);
    free(cpu);
    be->ctx = NULL;
}

int hf_cpu_fill(hf_backend *be, hf_error *err)
{
    hf_cpu *cpu;
    int rc;

    if ((rc = hf_ref_fill(be, err)) < 0)
        return rc;
    if (!(cpu = calloc(1, sizeof(*cpu))))
        return hf_fail(err, HF_ENOMEM, "backend cpu: out of memory");
    be->ctx = cpu;
    be->close = cpu_close; /* hf_backend_open closes after a failure */
    if ((rc = HF_DNNL(dnnl_engine_create(&cpu->engine, dnnl_cpu, 0), err)) < 0 ||
        (rc = HF_DNNL(dnnl_stream_create(&cpu->stream, cpu->engine, dnnl_stream_default_flags),
                      err)) < 0)
        return rc;
    be->ops.packed_new = hf_cpu_packed_new;
    be->ops.packed_free = hf_cpu_packed_free;
    be->ops.linear = hf_cpu_linear;
    be->ops.conv2d = hf_cpu_conv2d;
    be->ops.matmul = hf_cpu_matmul;
    be->ops.attention = hf_cpu_attention;
    be->ops.group_norm = hf_cpu_group_norm;
    be->ops.layer_norm = hf_cpu_layer_norm;
    be->ops.softmax = hf_cpu_softmax;
    be->ops.l2_normalize = hf_cpu_l2_normalize;
    be->ops.activate = hf_cpu_activate;
    be->ops.add = hf_cpu_add;
    be->ops.mul = hf_cpu_mul;
    be->ops.copy_channels = hf_cpu_copy_channels;
    be->ops.permute = hf_cpu_permute;
    be->ops.cast = hf_cpu_cast;
    be->ops.resize = hf_cpu_resize;
    be->ops.rgb_to_image = hf_cpu_rgb_to_image;
    be->ops.pool = hf_cpu_pool;
    be->ops.classic_raw = hf_cpu_classic_raw;
    return HF_OK;
}
