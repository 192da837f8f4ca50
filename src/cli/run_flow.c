/* run_flow.c - --flow: the fields that somebody else's matcher has left in files; see run.h.
 *
 *     DIR/FRAME.flo        one key frame
 *     DIR/N/FRAME.flo      several: one folder for each, named by the number of the key frame
 *
 * FRAME is the stem of the frame's image, or for a video its number with five digits. Files are read when
 * their frame is computed, one at a time.
 */
#include "src/cli/run.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "io/flow_file.h"

static int folder_of(char *folder, size_t size, const hf_run *run, int key, hf_error *err)
{
    int n = run->n_drawings == 1 ? snprintf(folder, size, "%s", run->options->flow)
                                 : snprintf(folder, size, "%s/%lld", run->options->flow,
                                            (long long)run->drawing[key].frame);
    return n < (int)size ? HF_OK : hf_fail(err, HF_EARG, "--flow %s: the name is too long", run->options->flow);
}

int hf_run_check_flow(const hf_run *run, hf_error *err)
{
    char folder[PATH_MAX];
    struct stat st;
    int rc;

    for (int i = 0; run->options->flow && i < run->n_drawings; i++) {
        if ((rc = folder_of(folder, sizeof(folder), run, i, err)) < 0)
            return rc;
        if (stat(folder, &st) != 0)
            return hf_fail(err, HF_EARG, "--flow %s: %s%s", folder, strerror(errno),
                           run->n_drawings > 1 ? "; each key frame has a folder of its own, named by its number" : "");
        if (!S_ISDIR(st.st_mode))
            return hf_fail(err, HF_EARG, "--flow %s: is no folder", folder);
    }
    return HF_OK;
}

int hf_run_read_flow(hf_run *run, float *flow, int key, const hf_frame *frame, hf_error *err)
{
    char folder[PATH_MAX], path[PATH_MAX], stem[sizeof(frame->name)];
    int rc;

    if (frame->name[0])
        snprintf(stem, sizeof(stem), "%s", frame->name);
    else
        snprintf(stem, sizeof(stem), "%05lld", (long long)frame->index);
    if ((rc = folder_of(folder, sizeof(folder), run, key, err)) < 0 ||
        (rc = hf_flow_find(path, sizeof(path), folder, stem, err)) < 0 ||
        (rc = hf_flow_read(flow, run->info->width, run->info->height, path, err)) < 0)
        run->is_flow_broken = 1;
    return rc;
}
