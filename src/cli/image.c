/* image.c - single images and masks of any kind; see describe.h. */
#include "src/cli/describe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io/video_in.h"

int hf_image_open(hf_image **out, const char *path, hf_error *err)
{
    hf_video_in *in = NULL;
    hf_frame *frame = NULL;
    hf_image *image = NULL;
    int rc;

    *out = NULL;
    if ((rc = hf_video_in_open(&in, path, NULL, err)) < 0)
        goto end;
    const hf_video_info *info = hf_video_in_get_info(in);
    if ((rc = hf_frame_new(&frame, info->width, info->height, err)) < 0 ||
        (rc = hf_video_in_read(frame, in, err)) < 0)
        goto end;
    size_t bytes = 3 * (size_t)frame->width * (size_t)frame->height;
    if (!(image = calloc(1, sizeof(*image))) || !(image->rgb = malloc(bytes))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory for %dx%d pixels", path, frame->width, frame->height);
        goto end;
    }
    snprintf(image->path, sizeof(image->path), "%s", path);
    image->width = frame->width, image->height = frame->height;
    memcpy(image->rgb, frame->rgb, bytes);
    *out = image;
    image = NULL;
end:
    hf_image_free(&image);
    hf_frame_free(&frame);
    hf_video_in_close(&in);
    return rc;
}

void hf_image_free(hf_image **image)
{
    if (!image || !*image)
        return;
    free((*image)->rgb);
    free(*image);
    *image = NULL;
}

/* ---- masks ---- */

static int is_png(const char *path)
{
    static const unsigned char magic[] = { 0x89, 'P', 'N', 'G' };
    unsigned char start[4];
    FILE *file = fopen(path, "rb");
    int found = file && fread(start, 1, 4, file) == 4 && memcmp(start, magic, 4) == 0;
    if (file)
        fclose(file);
    return found;
}

static int read_png_mask(hf_object_mask *m, const char *path, hf_mask_mode mode, hf_error *err)
{
    hf_mask_params params = HF_MASK_DEFAULTS;
    hf_mask *mask = NULL;
    params.mode = mode;
    int rc = hf_mask_read(&mask, path, &params, NULL, err);

    if (rc >= 0 && (rc = hf_mask_fit(mask, m->width, m->height, HF_FIT_STRICT, path, NULL, 0, err)) >= 0)
        for (int64_t i = 0; i < (int64_t)m->width * m->height; i++)
            m->saliency[i] = mask->ids[i] ? 1.0f : 0.0f;
    hf_mask_free(&mask);
    return rc;
}

/* Nearest pixel; brightness as of Rec. 601, which Pillow's "L" uses. */
static int read_gray_mask(hf_object_mask *m, const char *path, hf_error *err)
{
    hf_image *image = NULL;
    char warning[512];
    int *xs = malloc(((size_t)m->width + (size_t)m->height) * sizeof(int)), *ys = xs ? xs + m->width : NULL, rc;

    if (!xs)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((rc = hf_image_open(&image, path, err)) < 0 ||
        (rc = hf_fit_map(xs, ys, m->width, m->height, image->width, image->height, HF_FIT_STRICT, path, warning,
                         sizeof(warning), err)) < 0)
        goto end;
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            const uint8_t *c = image->rgb + 3 * ((int64_t)ys[y] * image->width + xs[x]);
            m->saliency[(int64_t)y * m->width + x] = (0.299f * c[0] + 0.587f * c[1] + 0.114f * c[2]) / 255.0f;
        }
end:
    hf_image_free(&image);
    free(xs);
    return rc;
}

int hf_object_mask_open(hf_object_mask **out, const char *path, int width, int height, hf_mask_mode mode,
                        hf_error *err)
{
    size_t n = (size_t)width * (size_t)height, n_inside = 0;
    hf_object_mask *m = calloc(1, sizeof(*m));
    int rc;

    *out = NULL;
    if (!m || !(m->inside = malloc(n)) || !(m->saliency = malloc(n * sizeof(float)))) {
        rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
        goto end;
    }
    m->width = width, m->height = height;
    if ((rc = is_png(path) ? read_png_mask(m, path, mode, err) : read_gray_mask(m, path, err)) < 0)
        goto end;
    for (size_t i = 0; i < n; i++)
        n_inside += m->inside[i] = m->saliency[i] >= 0.5f;
    if (!n_inside) {
        rc = hf_fail(err, HF_EFORMAT, "%s: nothing in it is brighter than half, want the object white", path);
        goto end;
    }
    *out = m;
    m = NULL;
end:
    hf_object_mask_free(&m);
    return rc;
}

void hf_object_mask_free(hf_object_mask **mask)
{
    if (!mask || !*mask)
        return;
    free((*mask)->inside);
    free((*mask)->saliency);
    free(*mask);
    *mask = NULL;
}

void hf_object_mask_to_cells(float *cells, const hf_object_mask *mask, int h, int w)
{
    for (int cy = 0; cy < h; cy++)
        for (int cx = 0; cx < w; cx++) {
            int y0 = cy * mask->height / h, y1 = (cy + 1) * mask->height / h;
            int x0 = cx * mask->width / w, x1 = (cx + 1) * mask->width / w, n = 0;
            double sum = 0.0;
            for (int y = y0; y < (y1 > y0 ? y1 : y0 + 1); y++)
                for (int x = x0; x < (x1 > x0 ? x1 : x0 + 1); x++, n++)
                    sum += (double)mask->saliency[(int64_t)y * mask->width + x];
            cells[(int64_t)cy * w + cx] = (float)(sum / n);
        }
}
