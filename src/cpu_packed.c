/* cpu_packed.c - `cpu`: weights in the layouts that oneDNN asks for.
 *
 * oneDNN chooses the layout of the weights for each prepared primitive. A packed
 * weight begins in PyTorch's order, is brought into the first layout that is asked for,
 * and stays so; other shapes rarely ask for another one, which is then kept beside it.
 */
#include "src/cpu.h"

#include <stdlib.h>

#include "src/ops_check.h"

#define MAX_LAYOUTS 4

/* One layout of a weight. */
typedef struct layout {
    dnnl_memory_t memory;
    void         *data;
} layout;

typedef struct cpu_packed {
    hf_packed head;
    int       n_layouts;
    layout    layouts[MAX_LAYOUTS]; /* before the first use: PyTorch's order */
    bool      plain;                /* layouts[0] still is that order */
} cpu_packed;

dnnl_data_type_t hf_cpu_dnnl_type(hf_dtype dtype)
{
    return dtype == HF_BF16 ? dnnl_bf16 : dnnl_f32;
}

static void layout_free(hf_backend *be, layout *l)
{
    if (l->memory)
        dnnl_memory_destroy(l->memory);
    be->ops.free(be, l->data);
    *l = (layout){ 0 };
}

static int layout_new(hf_backend *be, layout *l, const dnnl_memory_desc_t *md, hf_error *err)
{
    hf_cpu *cpu = hf_cpu_of(be);
    size_t bytes = dnnl_memory_desc_get_size(md);
    int rc;

    *l = (layout){ .data = be->ops.alloc(be, bytes) };
    cpu->n_growths++;
    if (!l->data)
        return hf_fail(err, HF_ENOMEM, "weights: no memory for %zu bytes", bytes);
    rc = HF_DNNL(dnnl_memory_create(&l->memory, md, cpu->engine, l->data), err);
    if (rc < 0)
        layout_free(be, l);
    return rc;
}

int hf_cpu_weight_dims(dnnl_dims_t dims, const hf_packed *w)
{
    int n = 0;
    if (w->n_groups > 1)
        dims[n++] = w->n_groups;
    dims[n++] = w->n_out / w->n_groups;
    dims[n++] = w->n_in;
    dims[n++] = w->kernel_h;
    dims[n++] = w->kernel_w;
    return n;
}

static bool has_bf16(void)
{
    dnnl_cpu_isa_t isa = dnnl_get_effective_cpu_isa();
    return (isa & dnnl_cpu_isa_avx512_core) == dnnl_cpu_isa_avx512_core;
}

int hf_cpu_packed_new(hf_backend *be, hf_packed **out, const hf_tensor *weight,
                      const hf_pack_params *params, hf_error *err)
{
    dnnl_memory_desc_t md;
    dnnl_dims_t dims;
    int rc;

    hf_check_pack(weight, params);
    *out = NULL;
    if (params->dtype == HF_F16 || (params->dtype == HF_BF16 && !has_bf16()))
        return hf_fail(err, HF_EUNSUPPORTED, "weights: %s arithmetic is not on this processor",
                       params->dtype == HF_F16 ? "f16" : "bf16");
    cpu_packed *p = calloc(1, sizeof(*p));
    if (!p)
        return hf_fail(err, HF_ENOMEM, "weights: out of memory");
    p->head = hf_packed_head(weight, params);
    int n_dims = hf_cpu_weight_dims(dims, &p->head);
    dnnl_data_type_t type = hf_cpu_dnnl_type(params->dtype);
    dnnl_format_tag_t order = n_dims == 5 ? dnnl_goihw : dnnl_oihw;
    if ((rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&md, n_dims, dims, type, order), err)) < 0 ||
        (rc = layout_new(be, &p->layouts[0], &md, err)) < 0) {
        free(p);
        return rc;
    }
    hf_cpu_convert(be, p->layouts[0].data, params->dtype, weight->data, weight->dtype,
                   hf_tensor_count(weight));
    p->n_layouts = 1;
    p->plain = true;
    *out = &p->head;
    return HF_OK;
}

void hf_cpu_packed_free(hf_backend *be, hf_packed **packed)
{
    if (!packed || !*packed)
        return;
    cpu_packed *p = (cpu_packed *)*packed;
    for (int i = 0; i < p->n_layouts; i++)
        layout_free(be, &p->layouts[i]);
    free(p);
    *packed = NULL;
}

int hf_cpu_packed_layout(hf_backend *be, dnnl_memory_t *out, hf_packed *packed,
                         const dnnl_memory_desc_t *md, hf_error *err)
{
    cpu_packed *p = (cpu_packed *)packed;
    dnnl_primitive_desc_t pd = NULL;
    dnnl_primitive_t reorder = NULL;
    hf_cpu *cpu = hf_cpu_of(be);
    layout made = { 0 };
    const dnnl_memory_desc_t *have;
    int rc;

    for (int i = 0; i < p->n_layouts; i++) {
        dnnl_memory_get_memory_desc(p->layouts[i].memory, &have);
        if (dnnl_memory_desc_equal(have, md)) {
            *out = p->layouts[i].memory;
            return HF_OK;
        }
    }
    dnnl_memory_get_memory_desc(p->layouts[0].memory, &have);
    if ((rc = layout_new(be, &made, md, err)) < 0 ||
        (rc = HF_DNNL(dnnl_reorder_primitive_desc_create(&pd, have, cpu->engine, md, cpu->engine,
                                                         NULL), err)) < 0 ||
        (rc = HF_DNNL(dnnl_primitive_create(&reorder, pd), err)) < 0)
        goto end;
    dnnl_exec_arg_t args[] = { { DNNL_ARG_FROM, p->layouts[0].memory },
                               { DNNL_ARG_TO, made.memory } };
    if ((rc = HF_DNNL(dnnl_primitive_execute(reorder, cpu->stream, 2, args), err)) < 0 ||
        (rc = HF_DNNL(dnnl_stream_wait(cpu->stream), err)) < 0)
        goto end;
    /* PyTorch's order has done its work; weights are the largest thing in memory. When
     * the table is full the newest layout makes room: shapes come and go in its place. */
    int at = p->plain ? 0 : p->n_layouts < MAX_LAYOUTS ? p->n_layouts++ : MAX_LAYOUTS - 1;
    layout_free(be, &p->layouts[at]);
    p->plain = false;
    p->layouts[at] = made;
    *out = made.memory;
    made = (layout){ 0 };
end:
    if (reorder)
        dnnl_primitive_destroy(reorder);
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    layout_free(be, &made);
    return rc;
}
