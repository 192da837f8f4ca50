/* cudnn_graph.c - see cudnn_graph.h. Types and counts of the attributes are those that cuDNN's documentation of the
 * backend descriptors gives. */
#include "cuda/cudnn_graph.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

int hf_cudnn_check(cudnnStatus_t status, const char *call, const char *file, int line, hf_error *err)
{
    char detail[160] = "";
    hf_status kind = HF_EDEVICE;
    if (status == CUDNN_STATUS_SUCCESS)
        return HF_OK;
    if (status == CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED ||
        status == CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED)
        kind = HF_ENOMEM;
    else if (CUDNN_STATUS_CATEGORY(status) == CUDNN_STATUS_NOT_SUPPORTED)
        kind = HF_EUNSUPPORTED;
    cudnnGetLastErrorString(detail, sizeof(detail));
    return hf_fail(err, kind, "cuda: %s at %s:%d: %.120s: %s", cudnnGetErrorString(status), file, line, call, detail);
}

int hf_cudnn_set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, const void *values, hf_error *err)
{
    int rc = HF_CUDNN(cudnnBackendSetAttribute(d, name, type, n, values), err);
    if (rc < 0 && err) { /* which attribute it was only its number tells */
        size_t end = strlen(err->text);
        snprintf(err->text + end, sizeof(err->text) - end, " (attribute %d)", (int)name);
    }
    return rc;
}

int hf_cudnn_get(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                 int64_t n, void *values, hf_error *err)
{
    int64_t n_got = 0;
    int rc = HF_CUDNN(cudnnBackendGetAttribute(d, name, type, n, &n_got, values), err);
    if (rc >= 0 && n_got != n)
        return hf_fail(err, HF_EDEVICE, "cuda: cuDNN's attribute %d has %lld values, want %lld", (int)name,
                       (long long)n_got, (long long)n);
    return rc;
}

int hf_cudnn_part(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, cudnnBackendDescriptorType_t type, hf_error *err)
{
    assert(g->n_parts < HF_CUDNN_MOST_PARTS);
    int rc = HF_CUDNN(cudnnBackendCreateDescriptor(type, out), err);
    if (rc >= 0)
        g->parts[g->n_parts++] = *out;
    return rc;
}

static cudnnDataType_t type_of(int32_t dtype)
{
    return dtype == HF_F16 ? CUDNN_DATA_HALF : dtype == HF_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_FLOAT;
}

int hf_cudnn_tensor(hf_cudnn_graph *g, cudnnBackendDescriptor_t *out, const hf_cudnn_array *a, hf_error *err)
{
    const cudnnDataType_t type = type_of(a->dtype);
    const int64_t alignment = a->align;
    const bool is_virtual = a->kind == HF_CUDNN_VIRTUAL, is_by_value = a->kind == HF_CUDNN_BY_VALUE;
    int rc;
    if ((rc = hf_cudnn_part(g, out, CUDNN_BACKEND_TENSOR_DESCRIPTOR, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, a->dims, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, a->strides, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &a->name, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment, err)) < 0 ||
        (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &is_virtual, err)) < 0 ||
        (is_by_value && (rc = hf_cudnn_set(*out, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &is_by_value,
                                           err)) < 0))
        return rc;
    return HF_CUDNN(cudnnBackendFinalize(*out), err);
}

int hf_cudnn_graph_finish(hf_cudnn_graph *g, cudnnHandle_t handle, cudnnBackendDescriptor_t *operations, int n, hf_error *err)
{
    int rc;
    if ((rc = HF_CUDNN(cudnnBackendCreateDescriptor(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, &g->graph), err)) < 0 ||
        (rc = hf_cudnn_set(g->graph, CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, n, operations,
                           err)) < 0 ||
        (handle && (rc = hf_cudnn_set(g->graph, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle,
                                      err)) < 0))
        return rc;
    return HF_CUDNN(cudnnBackendFinalize(g->graph), err);
}

void hf_cudnn_graph_free(hf_cudnn_graph *g)
{
    if (g->graph)
        cudnnBackendDestroyDescriptor(g->graph);
    while (g->n_parts)
        cudnnBackendDestroyDescriptor(g->parts[--g->n_parts]);
    g->graph = NULL;
}
