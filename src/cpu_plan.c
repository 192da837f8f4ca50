/* cpu_plan.c - `cpu`: one oneDNN convolution prepared for each set of shapes.
 *
 * Plans are kept in a list and found by a key of plain numbers. Bias, residual
 * (the "sum" post-operation, which reads what lies in the output) and activation
 * are fused.
 */
#include "src/cpu.h"

#include <stdlib.h>
#include <string.h>

struct hf_cpu_plan {
    hf_cpu_plan       *next;
    hf_cpu_conv_key    key;
    dnnl_primitive_t   primitive;
    dnnl_memory_t      src, dst, bias, scratchpad; /* their data is set at each run */
    dnnl_memory_desc_t weights;                    /* the layout it wants */
    size_t             scratchpad_bytes;
};

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
static int make_attributes(dnnl_primitive_attr_t *out, const hf_cpu_conv_key *k, hf_error *err)
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
static int describe(dnnl_primitive_desc_t *out, hf_cpu *cpu, const hf_cpu_conv_key *k,
                    hf_error *err)
{
    dnnl_memory_desc_t src, dst, weights, bias;
    dnnl_primitive_attr_t attributes = NULL;
    dnnl_convolution_desc_t conv;
    dnnl_data_type_t in = hf_cpu_dnnl_type((hf_dtype)k->in_type);
    dnnl_data_type_t to = hf_cpu_dnnl_type((hf_dtype)k->out_type);
    hf_packed shape = { .n_out = k->n_out, .n_in = k->C / k->n_groups, .kernel_h = k->kernel_h,
                        .kernel_w = k->kernel_w, .n_groups = k->n_groups };
    dnnl_dims_t w_dims, src_dims = { k->n, k->C, k->H, k->W };
    dnnl_dims_t dst_dims = { k->n, k->n_out, k->Ho, k->Wo }, bias_dims = { k->n_out };
    dnnl_dims_t strides = { k->stride, k->stride };
    dnnl_dims_t holes = { k->dilation - 1, k->dilation - 1 }; /* oneDNN counts cells left out */
    dnnl_dims_t before = { k->pad_top, k->pad_left }, after = { k->pad_bottom, k->pad_right };
    int w_n = hf_cpu_weight_dims(w_dims, &shape), rc;

    if ((rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&src, 4, src_dims, in, dnnl_nhwc), err)) < 0 ||
        (rc = HF_DNNL(dnnl_memory_desc_init_by_tag(&dst, 4, dst_dims, to, dnnl_nhwc), err)) < 0 ||
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

static int plan_new(hf_cpu_plan **out, hf_cpu *cpu, const hf_cpu_conv_key *key, hf_error *err)
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
static int plan_get(hf_cpu_plan **out, hf_cpu *cpu, const hf_cpu_conv_key *key, hf_error *err)
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

int hf_cpu_conv_run(hf_backend *be, void *dst, const void *src, hf_packed *weight,
                    const hf_tensor *bias, const hf_cpu_conv_key *key, hf_error *err)
{
    hf_cpu *cpu = hf_cpu_of(be);
    hf_cpu_plan *plan = NULL;
    dnnl_memory_t weights = NULL;
    void *scratchpad;
    int rc;

    if ((rc = plan_get(&plan, cpu, key, err)) < 0 ||
        (rc = hf_cpu_packed_layout(be, &weights, weight, &plan->weights, err)) < 0)
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
