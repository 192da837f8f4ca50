/* sink.h - where written bytes go: `path.part` until committed, a device or pipe directly, or standard output.
 *
 * The system's own error text is kept, and a closed pipe is an error, not a signal.
 */
#ifndef HF_IO_SINK_H
#define HF_IO_SINK_H

#include <libavformat/avio.h>

#include "src/error.h"

typedef struct hf_sink hf_sink;

/* "-" is standard output. A leftover `path.part` is replaced. HF_EIO, HF_ENOMEM. */
int  hf_sink_open(hf_sink **out, const char *path, hf_error *err);
void hf_sink_close(hf_sink **sink); /* without commit: removes `path.part` */

/* Borrowed; for AVFormatContext.pb. Buffered: errors may show later, see check. */
AVIOContext *hf_sink_get_io(const hf_sink *sink);

/* HF_EIO with the reason if any write has failed. */
int hf_sink_check(const hf_sink *sink, hf_error *err);

typedef enum hf_sink_sync {
    HF_SINK_SYNC,   /* wait until the disk has it: a whole video */
    HF_SINK_NO_SYNC /* one of thousands of small files */
} hf_sink_sync;

/* Flush and give the file its name. HF_EIO. */
int hf_sink_commit(hf_sink *sink, hf_sink_sync sync, hf_error *err);

/* HF_EIO if a file of this path could not be made: no folder, no right to write. Creates nothing. */
int hf_sink_can_open(const char *path, hf_error *err);

#endif
