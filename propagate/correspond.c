/* correspond.c - fields and cycles; see correspond.h. Pairs are chosen in select_pairs.c. */
#include "propagate/correspond.h"

#include <math.h>
#include <stdlib.h>

#include "propagate/match_dense.h"
#include "propagate/match_stay.h"

int hf_field_new(hf_field **out, int width, int height, int to_width, int to_height, hf_error *err)
{
    hf_field *f = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (width < 1 || height < 1 || to_width < 1 || to_height < 1)
        return hf_fail(err, HF_EARG, "field: %dx%d pixels to %dx%d, want at least 1x1", width, height, to_width,
                       to_height);
    size_t n = (size_t)width * (size_t)height;
    if (!(f = calloc(1, sizeof(*f))) || !(f->index = malloc(n * sizeof(*f->index))) ||
        !(f->similarity = malloc(n * sizeof(*f->similarity)))) {
        rc = hf_fail(err, HF_ENOMEM, "field: out of memory for %dx%d pixels", width, height);
        hf_field_free(&f);
        return rc;
    }
    f->width = width, f->height = height;
    f->to_width = to_width, f->to_height = to_height;
    *out = f;
    return HF_OK;
}

void hf_field_free(hf_field **field)
{
    hf_field *f = field ? *field : NULL;
    if (!f)
        return;
    free(f->index);
    free(f->similarity);
    free(f);
    *field = NULL;
}

static int is_of_one_size(const hf_field *f, const hf_tensor *from, const hf_tensor *to)
{
    return f->width == f->to_width && f->height == f->to_height && from->shape[0] == to->shape[0] &&
           from->shape[1] == to->shape[1];
}

int hf_field_match(hf_field *field, hf_backend *be, const hf_tensor *from, const hf_tensor *to, hf_error *err)
{
    hf_match_dense_params params = { field->width, field->height, field->to_width, field->to_height };
    int64_t n = (int64_t)field->width * field->height;
    size_t scratch_bytes = be->ops.match_dense_scratch_bytes(be, from, to, &params);
    void *index = be->ops.alloc(be, (size_t)n * 4), *similarity = be->ops.alloc(be, (size_t)n * 4);
    void *scratch = be->ops.alloc(be, scratch_bytes ? scratch_bytes : 1);
    hf_tensor index_view = hf_tensor_view(index, HF_I32, 2, field->height, field->width);
    hf_tensor similarity_view = hf_tensor_view(similarity, HF_F32, 2, field->height, field->width);
    hf_tensor scratch_view = hf_tensor_view(scratch, HF_U8, 1, (int64_t)scratch_bytes);
    int rc;

    if (!index || !similarity || !scratch)
        rc = hf_fail(err, HF_ENOMEM, "field: out of memory to match %dx%d pixels", field->width, field->height);
    else if ((rc = be->ops.match_dense(be, &index_view, &similarity_view, from, to, &params, &scratch_view, err)) >= 0 &&
             (!is_of_one_size(field, from, to) ||
              (rc = be->ops.match_stay(be, &index_view, &similarity_view, from, to, HF_MATCH_STAY_TOLERANCE, err)) >= 0) &&
             (rc = be->ops.read(be, field->index, &index_view, err)) >= 0 &&
             (rc = be->ops.read(be, field->similarity, &similarity_view, err)) >= 0)
        rc = be->ops.sync(be, err);
    be->ops.free(be, index);
    be->ops.free(be, similarity);
    be->ops.free(be, scratch);
    return rc;
}

int hf_field_match_inside(hf_field *field, const hf_feature_map *from, const hf_feature_map *to, const uint8_t *asking,
                          const uint8_t *allowed, hf_error *err)
{
    hf_match_points *points = NULL;
    int rc = hf_match_points_new(&points, to, allowed, err);

    if (rc >= 0)
        rc = hf_match_points_dense(field->index, field->similarity, points, from, asking, err);
    hf_match_points_free(&points);
    return rc;
}

void hf_field_to_flow(float *flow, const hf_field *field)
{
    for (int y = 0; y < field->height; y++)
        for (int x = 0; x < field->width; x++) {
            int64_t i = (int64_t)y * field->width + x;
            int32_t q = field->index[i];
            flow[2 * i] = q < 0 ? NAN : (float)(q % field->to_width - x);
            flow[2 * i + 1] = q < 0 ? NAN : (float)(q / field->to_width - y);
        }
}

void hf_field_cycle(float *distance, const hf_field *forward, const hf_field *back)
{
    for (int y = 0; y < forward->height; y++)
        for (int x = 0; x < forward->width; x++) {
            int64_t i = (int64_t)y * forward->width + x;
            int32_t q = forward->index[i], p = q < 0 ? -1 : back->index[q];
            distance[i] = p < 0 ? INFINITY
                                : hypotf((float)(p % forward->width - x), (float)(p / forward->width - y));
        }
}
