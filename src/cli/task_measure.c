/* task_measure.c - see task_measure.h. */
#include "src/cli/task_measure.h"

#include <stdio.h>
#include <string.h>

#include "io/mask.h"
#include "io/video_in.h"
#include "src/cli/options_params.h"
#include "src/cli/run.h"
#include "src/hfprop.h"

#define GUESSED_FRAMES 1000 /* of an input that does not tell */
#define PROGRAM_BYTES (100 << 20) /* code, libraries, decoder and encoder of a 480p video, measured */

/* Of computing, measured at 854 x 480: four objects take a quarter more than one. */
#define COST_PER_OBJECT (1.0 / 12)

static void measure_input(hf_task *task, const hf_options *run)
{
    hf_video_in_params params = HF_VIDEO_IN_DEFAULTS;
    hf_video_in *in = NULL;

    params.n_threads = 1;
    if (hf_video_in_open(&in, run->input, &params, NULL) < 0)
        return;
    const hf_video_info *info = hf_video_in_get_info(in);
    task->width = info->width;
    task->height = info->height;
    if (info->n_frames >= 0) {
        int64_t end = run->to >= 0 && run->to < info->n_frames ? run->to + 1 : info->n_frames;
        task->n_frames = end > run->from ? end - run->from : 0;
    } else if (run->to >= 0) {
        task->n_frames = run->to + 1 - run->from;
    }
    hf_video_in_close(&in);
}

/* Objects of the first mask; an edit alone is followed as one. */
static int count_objects(const hf_options *run)
{
    hf_mask_params params = { .mode = (hf_mask_mode)run->mask_colors, .tolerance = run->mask_tolerance };
    hf_mask_report report;
    hf_mask *mask = NULL;

    if (!run->mask.n || hf_mask_read(&mask, run->mask.item[0].path, &params, &report, NULL) < 0)
        return 1;
    hf_mask_free(&mask);
    return report.n_ids;
}

/* Lists hold many videos of one kind: the session, which opens the model to count, is asked once for each kind. */
static int64_t session_bytes(hf_task_meter *meter, const hf_task *task, const hf_options *run)
{
    int n_keys = run->mask.n > run->edit.n ? run->mask.n : run->edit.n, has_edit = run->edit.n > 0;
    hf_session_params p;
    char kind[sizeof(meter->kind)];

    hf_options_session(&p, run, task->width, task->height);
    snprintf(kind, sizeof(kind), "%dx%d %d %d %d %d %d %d %d %d %s %d %d %s %s", p.width, p.height, task->n_ids, n_keys,
             has_edit, p.size, (int)p.match, p.n_recent, p.k, p.radius_cells, p.model.name, (int)p.model.precision,
             p.model.layer, p.device ? p.device : "", p.model.weights ? p.model.weights : "");
    if (strcmp(kind, meter->kind) != 0) {
        strcpy(meter->kind, kind);
        meter->bytes = hf_session_bytes(&p, task->n_ids, n_keys, has_edit);
    }
    return meter->bytes;
}

void hf_task_measure(hf_task *task, const hf_options *run, hf_task_meter *meter)
{
    measure_input(task, run);
    if (!task->width)
        return;
    int64_t pixels = (int64_t)task->width * task->height;
    task->n_ids = count_objects(run);
    task->cost = (double)(task->n_frames >= 0 ? task->n_frames : GUESSED_FRAMES) * (double)pixels *
                 (1 + COST_PER_OBJECT * (task->n_ids - 1));
    if (meter) /* a frame in work: picture, mask, layer, the decoder's and the encoder's own */
        task->bytes = session_bytes(meter, task, run) + HF_RUN_N_JOBS * pixels * 20 + PROGRAM_BYTES;
}
