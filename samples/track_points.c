/* track_points.c - where points of the first frame go, with hfprop.h alone.
 *
 *     ffmpeg -i v.mp4 -f rawvideo -pix_fmt rgb24 - | track_points 854 480 410,233 520,180
 *
 * A disk around each point is followed as an object of its own. hf_result.xy says for every pixel
 * where it came from; a point has gone to the pixel that came from nearest to it, counting only
 * what is trusted. Prints a line a frame: its number, then x y cover of each point, - - 0 when lost.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include <hfprop.h>

enum { RADIUS = 12 }; /* of the disk, pixels */
#define NEAR 3.0f     /* a point is lost when nothing came from nearer than this */
#define TRUST 0.2f    /* least cover that counts */

typedef struct point { float x, y; } point;

static void draw_disk(uint8_t *ids, uint8_t id, point p, int width, int height)
{
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++)
            if (hypotf((float)x - p.x, (float)y - p.y) <= RADIUS)
                ids[(size_t)y * (size_t)width + (size_t)x] = id;
}

static void print_point(const hf_result *r, point p, int width, int height)
{
    size_t n = (size_t)width * (size_t)height, best = n;
    float nearest = NEAR * NEAR;

    for (size_t i = 0; i < n; i++) {
        float dx = r->xy[2 * i] - p.x, dy = r->xy[2 * i + 1] - p.y;
        if (r->cover[i] >= TRUST && dx * dx + dy * dy < nearest) {
            nearest = dx * dx + dy * dy;
            best = i;
        }
    }
    if (best == n)
        printf(" - - 0");
    else /* what is left of the way is the same here as there */
        printf(" %.2f %.2f %.2f", (double)((float)(best % (size_t)width) + p.x - r->xy[2 * best]),
               (double)((float)(best / (size_t)width) + p.y - r->xy[2 * best + 1]),
               (double)r->cover[best]);
}

/* 0, or -1 with a reason in err. */
static int track(hf_session *s, uint8_t *rgb, const uint8_t *ids, const point *points, int n_points,
                 const hf_session_params *p, hf_error *err)
{
    hf_result r;
    size_t bytes = 3 * (size_t)p->width * (size_t)p->height;
    for (long frame = 0; fread(rgb, 1, bytes, stdin) == bytes; frame++) {
        hf_key key = { .frame = 0, .rgb = rgb, .ids = ids };
        if (frame == 0 && (hf_session_add_key(s, &key, err) < 0 || hf_session_follow(s, 0, err) < 0))
            return -1;
        if ((frame ? hf_session_step(s, &r, rgb, err) : hf_session_render_key(s, &r, 0, err)) < 0)
            return -1;
        printf("%ld", frame);
        for (int i = 0; i < n_points; i++)
            print_point(&r, points[i], p->width, p->height);
        putchar('\n');
    }
    return 0;
}

int main(int argc, char **argv)
{
    hf_session_params params = HF_SESSION_DEFAULTS;
    hf_session *session = NULL;
    hf_error err = { 0 };
    point points[255];
    int n_points = argc - 3, failed = 1;

    for (int i = 0; i < n_points && i < 255; i++)
        if (sscanf(argv[3 + i], "%f,%f", &points[i].x, &points[i].y) != 2)
            n_points = 0;
    if (n_points < 1 || n_points > 255) {
        fprintf(stderr, "usage: track_points WIDTH HEIGHT X,Y [X,Y ...] < rgb24\n");
        return 2;
    }
    params.width = atoi(argv[1]), params.height = atoi(argv[2]);
    if (hf_session_open(&session, &params, &err) >= 0) {
        size_t n = (size_t)params.width * (size_t)params.height;
        uint8_t *rgb = malloc(3 * n), *ids = calloc(n, 1);
        for (int i = 0; ids && i < n_points; i++)
            draw_disk(ids, (uint8_t)(i + 1), points[i], params.width, params.height);
        failed = !rgb || !ids || track(session, rgb, ids, points, n_points, &params, &err) < 0;
        free(rgb);
        free(ids);
    }
    if (err.text[0])
        fprintf(stderr, "%s\n", err.text);
    hf_session_close(&session);
    return failed;
}
