/* propagate_edit.c - carry something painted on the first frame through raw frames, with hfprop.h alone.
 *
 *     ffmpeg -i overlay.png -f rawvideo -pix_fmt rgba overlay.rgba
 *     ffmpeg -i v.mp4 -f rawvideo -pix_fmt rgb24 - |
 *     propagate_edit 854 480 overlay.rgba |
 *     ffmpeg -f rawvideo -pix_fmt rgb24 -s 854x480 -i - edited.mkv
 *
 * overlay.rgba: straight alpha, 0 where nothing is painted. Writes the frames with the overlay on them.
 */
#include <stdio.h>
#include <stdlib.h>

#include <hfprop.h>

static int read_file(uint8_t *to, size_t bytes, const char *path)
{
    FILE *file = fopen(path, "rb");
    int ok = file && fread(to, 1, bytes, file) == bytes && fgetc(file) == EOF;
    if (file)
        fclose(file);
    if (!ok)
        fprintf(stderr, "%s: not a file of %zu bytes, width * height * 4\n", path, bytes);
    return ok;
}

static void blend(uint8_t *rgb, const uint8_t *rgba, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (int c = 0; c < 3; c++) {
            int alpha = rgba[4 * i + 3];
            rgb[3 * i + c] =
                (uint8_t)((rgba[4 * i + c] * alpha + rgb[3 * i + c] * (255 - alpha) + 127) / 255);
        }
}

/* 0, or -1 with a reason in err or on stderr. */
static int propagate(hf_session *s, uint8_t *rgb, const uint8_t *edit, size_t n, hf_error *err)
{
    hf_key key = { .frame = 0, .rgb = rgb, .edit = edit };
    hf_result result;

    if (fread(rgb, 3, n, stdin) != n) {
        fprintf(stderr, "input: ends before its first frame\n");
        return -1;
    }
    if (hf_session_add_key(s, &key, err) < 0 || hf_session_follow(s, 0, err) < 0 ||
        hf_session_render_key(s, &result, 0, err) < 0)
        return -1;
    do {
        blend(rgb, result.edit, n);
        if (fwrite(rgb, 3, n, stdout) != n) {
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
    uint8_t *rgb = NULL, *edit = NULL;
    int failed = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: propagate_edit WIDTH HEIGHT overlay.rgba < rgb24 > rgb24\n");
        return 2;
    }
    params.width = atoi(argv[1]);
    params.height = atoi(argv[2]);
    if (hf_session_open(&session, &params, &err) >= 0) {
        size_t n = (size_t)params.width * (size_t)params.height;
        rgb = malloc(3 * n);
        edit = malloc(4 * n);
        failed = !rgb || !edit || !read_file(edit, 4 * n, argv[3]) ||
                 propagate(session, rgb, edit, n, &err) < 0;
    }
    if (err.text[0])
        fprintf(stderr, "%s\n", err.text);
    hf_session_close(&session);
    free(rgb);
    free(edit);
    return failed;
}
