/* propagate_mask.c - carry a mask through raw frames, with hfprop.h alone.
 *
 *     ffmpeg -i v.mp4 -f rawvideo -pix_fmt rgb24 - |
 *     propagate_mask 854 480 first.pgm |
 *     ffmpeg -f rawvideo -pix_fmt gray -s 854x480 -i - masks.mkv
 *
 * first.pgm: a binary PGM (P5, 255) of the first frame's object ids, 0 for the background.
 * Writes one byte a pixel and frame: its object id.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hfprop.h>

/* The header's numbers with single spaces or line ends between them, no comments. */
static uint8_t *read_pgm(const char *path, int width, int height)
{
    int w, h, max;
    size_t n = (size_t)width * (size_t)height;
    uint8_t *ids = malloc(n);
    FILE *file = fopen(path, "rb");
    int ok = ids && file && fscanf(file, "P5 %d %d %d", &w, &h, &max) == 3 && fgetc(file) != EOF &&
             w == width && h == height && max == 255 && fread(ids, 1, n, file) == n;
    if (file)
        fclose(file);
    if (ok)
        return ids;
    free(ids);
    fprintf(stderr, "%s: not a binary PGM of %dx%d with values up to 255\n", path, width, height);
    return NULL;
}

/* 0, or -1 with a reason in err or on stderr. */
static int propagate(hf_session *s, uint8_t *rgb, const uint8_t *ids, size_t n, hf_error *err)
{
    hf_key key = { .frame = 0, .rgb = rgb, .ids = ids };
    hf_result result;

    if (fread(rgb, 3, n, stdin) != n) {
        fprintf(stderr, "input: ends before its first frame\n");
        return -1;
    }
    if (hf_session_add_key(s, &key, err) < 0 || hf_session_follow(s, 0, err) < 0 ||
        hf_session_render_key(s, &result, 0, err) < 0)
        return -1;
    do {
        if (fwrite(result.ids, 1, n, stdout) != n) {
            perror("output");
            return -1;
        }
        if (fread(rgb, 3, n, stdin) != n)
            return 0;
    } while (hf_session_step(s, &result, rgb, err) >= 0);
    return -1;
}

int main(int argc, char **argv)
{
    hf_session_params params = HF_SESSION_DEFAULTS;
    hf_session *session = NULL;
    hf_error err = { 0 };
    uint8_t *rgb = NULL, *ids = NULL;
    int failed = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: propagate_mask WIDTH HEIGHT first.pgm < rgb24 > ids\n");
        return 2;
    }
    params.width = atoi(argv[1]);
    params.height = atoi(argv[2]);
    if (hf_session_open(&session, &params, &err) >= 0) {
        size_t n = (size_t)params.width * (size_t)params.height;
        rgb = malloc(3 * n);
        ids = read_pgm(argv[3], params.width, params.height);
        failed = !rgb || !ids || propagate(session, rgb, ids, n, &err) < 0;
    }
    if (err.text[0])
        fprintf(stderr, "%s\n", err.text);
    hf_session_close(&session);
    free(rgb);
    free(ids);
    return failed;
}
