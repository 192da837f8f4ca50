/* cpu_conv.c - `cpu`: packed weights, conv2d and linear on oneDNN.
 *
 * A plan is one oneDNN convolution prepared for one set of shapes; plans are kept in a
 * list and found by a key of plain numbers. oneDNN chooses the layout of the weights
 * for each plan; a packed weight is brought into it the first time and stays so.
 * linear is a 1x1 convolution over a picture of one row. Bias, residual (the "sum"
 * post-operation, which reads what lies in the output) and activation are fused.
 */
#include "src/cpu.h"

#include <stdlib.h>
#include <string.h>

#include "src/ops_check.h"

/* Rows of a GEGLU at a time: its doubled output stays in the cache. */
#define GEGLU_ROWS 512
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

/* Everything that a primitive depends on. All int64_t: no padding, memcmp compares it. */
typedef struct plan_key {
    int64_t n, H, W, Ho, Wo, C, n_out, kernel_h, kernel_w, n_groups;
    int64_t stride, dilation, pad_top, pad_left, pad_bottom, pad_right;
    int64_t activation, has_bias, has_residual, in_type, out_type, n_threads;
} plan_key;

struct hf_cpu_plan {
    hf_cpu_plan     *next;
    plan_key         key;
    dnnl_primitive_t primitive;
    dnnl_memory_t    src, dst, bias, scratchpad; /* their data is set at each run */
    dnnl_memory_desc_t weights;
    size_t           scratchpad_bytes;
};

static dnnl_data_type_t dnnl_type(hf_dtype dtype)
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

/* The weight's dimensions as oneDNN wants them: groups in front where there are any. */
static int weight_dims(dnnl_dims_t dims, const hf_packed *w)
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
    bool is_conv = weight->n_dims == 4;
    p->head = (hf_packed){
        .dtype = params->dtype, .n_out = weight->shape[0], .n_in = weight->shape[1],
        .kernel_h = is_conv ? weight->shape[2] : 1, .kernel_w = is_conv ? weight->shape[3] : 1,
        .n_groups = params->n_groups ? params->n_groups : 1,
    };
    int n_dims = weight_dims(dims, &p->head);
    if ((rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&md, n_dims, dims, dnnl_type(params->dtype),
                                                   n_dims == 5 ? dnnl_goihw : dnnl_oihw), err)) < 0 ||
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

/* The weight in the layout md: found, or made from the first one. */
static int find_layout(hf_backend *be, dnnl_memory_t *out, cpu_packed *p,
                       const dnnl_memory_desc_t *md, hf_error *err)
{
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

static int append_activation(dnnl_post_ops_t ops, hf_activation kind, hf_error *err)
{
    dnnl_alg_kind_t alg = dnnl_eltwise_relu;
    float alpha = 0;
    switch (kind) {
    case HF_ACT_NONE:
    case HF_ACT_GEGLU: return HF_OK;
    case HF_ACT_RELU: break;
    case HF_ACT_SILU: alg = dnnl_eltwise_swish, alpha = 1; break;
    case HF_ACT_QUICK_GELU: alg = dnnl_eltwise_swish, alpha = 1.702f; break;
    case HF_ACT_GELU_ERF: alg = dnnl_eltwise_gelu_erf; break;
    case HF_ACT_GELU_TANH: alg = dnnl_eltwise_gelu_tanh; break;
    }
    return HF_DNNL(dnnl_post_ops_append_eltwise(ops, 1, alg, alpha, 0), err);
}

/* Attributes: scratchpad is ours; then sum, then activation. The caller destroys *out. */
static int make_attributes(dnnl_primitive_attr_t *out, const plan_key *k, hf_error *err)
{
    dnnl_post_ops_t ops = NULL;
    int rc;

    if ((rc = HF_DNNL(dnnl_primitive_attr_create(out), err)) < 0 ||
        (rc = HF_DNNL(dnnl_primitive_attr_set_scratchpad_mode(*out, dnnl_scratchpad_mode_user),
                      err)) < 0 ||
        (rc = HF_DNNL(dnnl_post_ops_create(&ops), err)) < 0)
        goto end;
    if (k->has_residual && (rc = HF_DNNL(dnnl_post_ops_append_sum(ops, 1), err)) < 0)
        goto end;
    if ((rc = append_activation(ops, (hf_activation)k->activation, err)) < 0)
        goto end;
    rc = HF_DNNL(dnnl_primitive_attr_set_post_ops(*out, ops), err);
end:
    if (ops)
        dnnl_post_ops_destroy(ops);
    return rc;
}

/* The description of the convolution; the caller destroys *out. */
static int describe(dnnl_primitive_desc_t *out, hf_cpu *cpu, const plan_key *k, hf_error *err)
{
    dnnl_memory_desc_t src, dst, weights, bias;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_convolution_desc_t conv;
    dnnl_data_type_t in = dnnl_type((hf_dtype)k->in_type);
    hf_packed shape = { .n_out = k->n_out, .n_in = k->C / k->n_groups, .kernel_h = k->kernel_h,
                        .kernel_w = k->kernel_w, .n_groups = k->n_groups };
    dnnl_dims_t w_dims, src_dims = { k->n, k->C, k->H, k->W };
    dnnl_dims_t dst_dims = { k->n, k->n_out, k->Ho, k->Wo }, bias_dims = { k->n_out };
    dnnl_dims_t strides = { k->stride, k->stride };
    dnnl_dims_t holes = { k->dilation - 1, k->dilation - 1 }; /* oneDNN counts cells left out */
    dnnl_dims_t before = { k->pad_top, k->pad_left }, after = { k->pad_bottom, k->pad_right };
    int w_n = weight_dims(w_dims, &shape), rc;

    if ((rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&src, 4, src_dims, in, dnnl_nhwc), err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims,
                                                   dnnl_type((hf_dtype)k->out_type), dnnl_nhwc),
                      err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&weights, w_n, w_dims, in,
                                                   dnnl_format_tag_any), err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&bias, 1, bias_dims, dnnl_f32, dnnl_a),
                      err)) < 0 ||
        (rc = HF_DNNL(dnnl_dilated_convolution_forward_desc_init(
                          &conv, dnnl_forward_inference, dnnl_convolution_direct, &src, &weights,
                          k->has_bias ? &bias : NULL, &dst, strides, holes, before, after),
                      err)) < 0 ||
        (rc = make_attributes(&attributes, k, err)) < 0)
        goto end;
    rc = HF_DNNL(dnnl_primitive_desc_create(out, &conv, attributes, cpu->engine, NULL), err);
end:
    if (attributes)
        dnnl_primitive_attr_destroy(attributes);
    return rc;
}

static void plan_free(hf_cpu_plan *plan)
{
    dnnl_memory_t memories[] = { plan->src, plan->dst, plan->bias, plan->scratchpad };
    for (size_t i = 0; i < sizeof(memories) / sizeof(memories[0]); i++)
        if (memories[i])
            dnnl_memory_destroy(memories[i]);
    if (plan->primitive)
        dnnl_primitive_destroy(plan->primitive);
    free(plan);
}

void hf_cpu_plans_free(hf_cpu *cpu)
{
    while (cpu->plans) {
        hf_cpu_plan *next = cpu->plans->next;
        plan_free(cpu->plans);
        cpu->plans = next;
    }
}

/* A memory object whose data comes at each run. */
static int plan_memory(dnnl_memory_t *out, hf_cpu *cpu, const_dnnl_primitive_desc_t pd,
                       dnnl_query_t what, hf_error *err)
{
    return HF_DNNL(dnnl_memory_create(out, dnnl_primitive_desc_query_md(pd, what, 0), cpu->engine,
                                      DNNL_MEMORY_NONE), err);
}

static int plan_new(hf_cpu_plan **out, hf_cpu *cpu, const plan_key *key, hf_error *err)
{
    dnnl_primitive_desc_t pd = NULL;
    hf_cpu_plan *plan = calloc(1, sizeof(*plan));
    int rc;

    if (!plan)
        return hf_fail(err, HF_ENOMEM, "conv2d: out of memory");
    plan->key = *key;
    if ((rc = describe(&pd, cpu, key, err)) < 0 ||
        (rc = HF_DNNL(dnnl_primitive_create(&plan->primitive, pd), err)) < 0 ||
        (rc = plan_memory(&plan->src, cpu, pd, dnnl_query_src_md, err)) < 0 ||
        (rc = plan_memory(&plan->dst, cpu, pd, dnnl_query_dst_md, err)) < 0 ||
        (rc = plan_memory(&plan->scratchpad, cpu, pd, dnnl_query_scratchpad_md, err)) < 0)
        goto end;
    if (key->has_bias) {
        const dnnl_memory_desc_t *md = dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 1);
        rc = HF_DNNL(dnnl_memory_create(&plan->bias, md, cpu->engine, DNNL_MEMORY_NONE), err);
        if (rc < 0)
            goto end;
    }
    plan->weights = *dnnl_primitive_desc_query_md(pd, dnnl_query_weights_md, 0);
    plan->scratchpad_bytes =
        dnnl_memory_desc_get_size(dnnl_primitive_desc_query_md(pd, dnnl_query_scratchpad_md, 0));
    *out = plan;
    plan = NULL;
end:
    if (pd)
        dnnl_primitive_desc_destroy(pd);
    if (plan)
        plan_free(plan);
    return rc;
}

/* A network has some hundred shapes and a convolution takes a thousand times as long as
 * walking them: a list is enough. The plan used last comes first. */
static int plan_get(hf_cpu_plan **out, hf_cpu *cpu, const plan_key *key, hf_error *err)
{
    int rc;

    for (hf_cpu_plan **at = &cpu->plans; *at; at = &(*at)->next)
        if (memcmp(&(*at)->key, key, sizeof(*key)) == 0) {
            *out = *at;
            *at = (*out)->next;
            (*out)->next = cpu->plans;
            cpu->plans = *out;
            return HF_OK;
        }
    if ((rc = plan_new(out, cpu, key, err)) < 0)
        return rc;
    (*out)->next = cpu->plans;
    cpu->plans = *out;
    cpu->n_growths++;
    return HF_OK;
}

/* src of in_type, dst of out_type with the residual in it already. */
static int plan_run(hf_backend *be, const plan_key *key, cpu_packed *weight, const void *src,
                    void *dst, const hf_tensor *bias, hf_error *err)
{
    hf_cpu *cpu = hf_cpu_of(be);
    hf_cpu_plan *plan = NULL;
    dnnl_memory_t weights = NULL;
    void *scratchpad;
    int rc;

    if ((rc = plan_get(&plan, cpu, key, err)) < 0 ||
        (rc = find_layout(be, &weights, weight, &plan->weights, err)) < 0)
        return rc;
    if (!(scratchpad = hf_cpu_scratch(be, HF_CPU_LIBRARY, plan->scratchpad_bytes, err)))
        return HF_ENOMEM;
    if ((rc = HF_DNNL(dnnl_memory_set_data_handle(plan->src, (void *)src), err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_set_data_handle(plan->dst, dst), err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_set_data_handle(plan->scratchpad, scratchpad), err)) < 0 ||
        (bias && (rc = HF_DNNL(dnnl_memory_set_data_handle(plan->bias, bias->data), err)) < 0))
        return rc;
    dnnl_exec_arg_t args[] = {
        { DNNL_ARG_SRC, plan->src }, { DNNL_ARG_WEIGHTS, weights }, { DNNL_ARG_DST, plan->dst },
        { DNNL_ARG_SCRATCHPAD, plan->scratchpad }, { DNNL_ARG_BIAS, plan->bias },
    };
    rc = HF_DNNL(dnnl_primitive_execute(plan->primitive, cpu->stream, bias ? 5 : 4, args), err);
    return rc < 0 ? rc : HF_DNNL(dnnl_stream_wait(cpu->stream), err);
}

/* x in the type of the weights: x's own memory, or scratch. NULL sets err. */
static const void *input_as(hf_backend *be, const hf_tensor *x, hf_dtype dtype, hf_error *err)
{
    if (x->dtype == dtype)
        return x->data;
    int64_t n = hf_tensor_count(x);
    void *data = hf_cpu_scratch(be, HF_CPU_INPUT, (size_t)n * hf_dtype_size(dtype), err);
    if (data)
        hf_cpu_convert(be, data, dtype, x->data, x->dtype, n);
    return data;
}

/* Types around plan_run: the rest of the key is the caller's. */
static int run_any_type(hf_backend *be, plan_key *key, const hf_tensor *out, const hf_tensor *x,
                        cpu_packed *weight, const hf_tensor *bias, const hf_tensor *residual,
                        hf_error *err)
{
    hf_dtype in_type = weight->head.dtype;
    bool direct = out->dtype == HF_F32 || (out->dtype == HF_BF16 && in_type == HF_BF16);
    hf_dtype out_type = direct ? out->dtype : HF_F32;
    int64_t n = hf_tensor_count(out);
    const void *src = input_as(be, x, in_type, err);
    void *dst = direct ? out->data
                       : hf_cpu_scratch(be, HF_CPU_OUTPUT, (size_t)n * sizeof(float), err);
    int rc;

    if (!src || !dst)
        return HF_ENOMEM;
    if (residual && residual->data != dst)
        hf_cpu_convert(be, dst, out_type, residual->data, residual->dtype, n);
    key->has_bias = bias != NULL;
    key->has_residual = residual != NULL;
    key->in_type = in_type;
    key->out_type = out_type;
    key->n_threads = be->n_threads;
    if ((rc = plan_run(be, key, weight, src, dst, bias, err)) < 0)
        return rc;
    if (!direct)
        hf_cpu_convert(be, out->data, out->dtype, dst, HF_F32, n);
    return HF_OK;
}

int hf_cpu_conv2d(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_conv2d_params *p,
                  hf_error *err)
{
    hf_check_conv2d(out, x, weight, bias, residual, p);
    hf_cpu_use_threads(be);
    plan_key key = {
        .n = x->shape[0], .H = x->shape[1], .W = x->shape[2], .C = x->shape[3],
        .Ho = out->shape[1], .Wo = out->shape[2], .n_out = weight->n_out,
        .kernel_h = weight->kernel_h, .kernel_w = weight->kernel_w, .n_groups = weight->n_groups,
        .stride = p->stride ? p->stride : 1, .dilation = p->dilation ? p->dilation : 1,
        .pad_top = p->pad_top, .pad_left = p->pad_left, .pad_bottom = p->pad_bottom,
        .pad_right = p->pad_right, .activation = (int64_t)p->activation,
    };
    return run_any_type(be, &key, out, x, (cpu_packed *)weight, bias, residual, err);
}

static plan_key linear_key(const hf_packed *w, int64_t rows, hf_activation activation)
{
    return (plan_key){
        .n = 1, .H = 1, .W = rows, .Ho = 1, .Wo = rows, .C = w->n_in, .n_out = w->n_out,
        .kernel_h = 1, .kernel_w = 1, .n_groups = 1, .stride = 1, .dilation = 1,
        .activation = (int64_t)activation,
    };
}

/* rows [n, 2 half] -> out [n, half]: first half * gelu(second half). */
static void combine_geglu(hf_backend *be, const hf_tensor *out, int64_t first_row, float *wide,
                          int64_t n, int64_t half)
{
#pragma omp parallel for num_threads(be->n_threads)
    for (int64_t row = 0; row < n; row++) {
        float *value = wide + row * 2 * half, *gate = value + half;
        hf_cpu_activate_run(gate, gate, half, HF_ACT_GELU_ERF);
#pragma omp simd
        for (int64_t i = 0; i < half; i++)
            value[i] *= gate[i];
        if (out->dtype == HF_F32)
            memcpy((float *)out->data + (first_row + row) * half, value, (size_t)half * 4);
        else
            for (int64_t i = 0; i < half; i++)
                hf_put(out, (first_row + row) * half + i, (double)value[i]);
    }
}

static int linear_geglu(hf_backend *be, const hf_tensor *out, const hf_tensor *x,
                        cpu_packed *weight, const hf_tensor *bias, hf_error *err)
{
    int64_t rows = hf_tensor_rows(x), n_in = weight->head.n_in, n_out = weight->head.n_out;
    size_t step = (size_t)n_in * hf_dtype_size(x->dtype);
    float *wide = hf_cpu_scratch(be, HF_CPU_WORK, GEGLU_ROWS * (size_t)n_out * sizeof(float), err);
    int rc;

    if (!wide)
        return HF_ENOMEM;
    for (int64_t row = 0; row < rows; row += GEGLU_ROWS) {
        int64_t n = rows - row < GEGLU_ROWS ? rows - row : GEGLU_ROWS;
        plan_key key = linear_key(&weight->head, n, HF_ACT_NONE);
        hf_tensor part = hf_tensor_view((char *)x->data + (size_t)row * step, x->dtype, 2, n, n_in);
        hf_tensor both = hf_tensor_view(wide, HF_F32, 2, n, n_out);
        if ((rc = run_any_type(be, &key, &both, &part, weight, bias, NULL, err)) < 0)
            return rc;
        combine_geglu(be, out, row, wide, n, n_out / 2);
    }
    return HF_OK;
}

int hf_cpu_linear(hf_backend *be, const hf_tensor *out, const hf_tensor *x, hf_packed *weight,
                  const hf_tensor *bias, const hf_tensor *residual, const hf_linear_params *params,
                  hf_error *err)
{
    hf_check_linear(out, x, weight, bias, residual, params);
    hf_cpu_use_threads(be);
    if (params->activation == HF_ACT_GEGLU)
        return linear_geglu(be, out, x, (cpu_packed *)weight, bias, err);
    plan_key key = linear_key(weight, hf_tensor_rows(x), params->activation);
    return run_any_type(be, &key, out, x, (cpu_packed *)weight, bias, residual, err);
}
