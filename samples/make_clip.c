/* make_clip.c - writes the sample clip and its truth; see scene.h for the scene.
 *
 *     make_clip FOLDER
 *
 *     FOLDER/frames/00000.png ...   the pictures, RGB
 *     FOLDER/masks/00000.png ...    true ids, palette PNG (masks/00000.png is samples/clip_mask.png)
 *     FOLDER/edits/00000.png ...    the emblem where it truly is (edits/00000.png is samples/clip_edit.png)
 *     FOLDER/flow/00000.flo ...     true motion of every pixel of frame 0 to frame t, Middlebury format:
 *                                   "PIEH", int32 width, int32 height, then float32 dx, dy a pixel,
 *                                   row by row, little endian; 1e10 in both where the point is hidden
 *
 * samples/clip.mp4 is made of the pictures by samples/make_clip.sh.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "io/mask.h"
#include "io/png.h"
#include "samples/scene.h"

#define HIDDEN 1e10f

typedef struct buffers {
    uint8_t rgb[SCENE_HEIGHT * SCENE_WIDTH * 3];
    uint8_t rgba[SCENE_HEIGHT * SCENE_WIDTH * 4];
    float   flow[SCENE_HEIGHT * SCENE_WIDTH * 2];
} buffers;

static void path_of(char path[4096], const char *root, const char *part, int t, const char *ending)
{
    snprintf(path, 4096, "%s/%s/%05d.%s", root, part, t, ending);
}

static int make_folders(const char *root)
{
    static const char *const parts[] = { "", "/frames", "/masks", "/edits", "/flow" };
    char path[4096];
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(path, sizeof(path), "%s%s", root, parts[i]);
        if (mkdir(path, 0777) && errno != EEXIST) {
            fprintf(stderr, "make_clip: %s: %s\n", path, strerror(errno));
            return 0;
        }
    }
    return 1;
}

static int write_picture(const char *path, hf_png_kind kind, void *pixels, hf_error *err)
{
    hf_png png = { .width = SCENE_WIDTH, .height = SCENE_HEIGHT, .kind = kind, .bits = 8, .pixels = pixels };
    return hf_png_write(path, &png, err);
}

static int write_mask(const char *path, const scene *s, int t, hf_error *err)
{
    hf_mask *mask;
    int rc = hf_mask_new(&mask, SCENE_WIDTH, SCENE_HEIGHT, err);
    if (rc == HF_OK) {
        scene_ids(s, mask->ids, t);
        mask->n_palette = SCENE_OBJECTS + 1;
        rc = hf_mask_write(path, mask, err);
        hf_mask_free(&mask);
    }
    return rc;
}

static void fill_flow(float *flow, const scene *s, int t)
{
    for (int y = 0; y < SCENE_HEIGHT; y++)
        for (int x = 0; x < SCENE_WIDTH; x++, flow += 2) {
            double x1, y1;
            int seen = scene_follow(s, x, y, 0, &x1, &y1, t);
            flow[0] = seen ? (float)(x1 - x) : HIDDEN;
            flow[1] = seen ? (float)(y1 - y) : HIDDEN;
        }
}

static int write_flow(const char *path, const float *flow, hf_error *err)
{
    int32_t size[2] = { SCENE_WIDTH, SCENE_HEIGHT };
    size_t n = (size_t)SCENE_WIDTH * SCENE_HEIGHT * 2;
    FILE *file = fopen(path, "wb");
    int ok = file && fwrite("PIEH", 1, 4, file) == 4 && fwrite(size, 4, 2, file) == 2 &&
             fwrite(flow, 4, n, file) == n;
    if (file && fclose(file))
        ok = 0;
    return ok ? HF_OK : hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
}

static int write_frame(const char *root, const scene *s, buffers *b, int t, hf_error *err)
{
    char path[4096];
    int rc;
    scene_render(s, b->rgb, t);
    path_of(path, root, "frames", t, "png");
    if ((rc = write_picture(path, HF_PNG_RGB, b->rgb, err)) < 0)
        return rc;
    scene_edit_truth(s, b->rgba, t);
    path_of(path, root, "edits", t, "png");
    if ((rc = write_picture(path, HF_PNG_RGBA, b->rgba, err)) < 0)
        return rc;
    path_of(path, root, "masks", t, "png");
    if ((rc = write_mask(path, s, t, err)) < 0)
        return rc;
    fill_flow(b->flow, s, t);
    path_of(path, root, "flow", t, "flo");
    return write_flow(path, b->flow, err);
}

int main(int argc, char **argv)
{
    hf_error err = { 0 };
    int rc = HF_OK;
    if (argc != 2) {
        fprintf(stderr, "usage: make_clip FOLDER\n");
        return 2;
    }
    scene *s = scene_new();
    buffers *b = malloc(sizeof(*b));
    if (!s || !b)
        rc = hf_fail(&err, HF_ENOMEM, "out of memory");
    if (rc == HF_OK && !make_folders(argv[1]))
        rc = hf_fail(&err, HF_EIO, "no folder to write to");
    for (int t = 0; t < SCENE_FRAMES && rc == HF_OK; t++)
        rc = write_frame(argv[1], s, b, t, &err);
    if (rc < 0)
        fprintf(stderr, "make_clip: %s\n", err.text);
    scene_free(&s);
    free(b);
    return rc < 0;
}
