/* dream.tensor/1: tensors cross the line as DLPack managed tensors (https://dmlc.github.io/dlpack).
 *
 * The structs below have DLPack's layout (version 0.8, unversioned), so a pointer to one may be
 * given to any library that speaks DLPack. A tensor has one owner at a time, who calls `deleter`.
 */
#ifndef DREAM_ABI_TENSOR_H
#define DREAM_ABI_TENSOR_H

#include "run.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DREAM_TENSOR_1 "dream.tensor/1"

/* Device types and type codes as DLPack numbers them. */
enum { DREAM_DEVICE_CPU = 1, DREAM_DEVICE_CUDA = 2 };
enum { DREAM_DTYPE_INT = 0, DREAM_DTYPE_UINT = 1, DREAM_DTYPE_FLOAT = 2, DREAM_DTYPE_BFLOAT = 4 };

typedef struct dream_dl_tensor {
  void* data;
  struct {
    int32_t device_type;
    int32_t device_id;
  } device;
  int32_t ndim;
  struct {
    uint8_t code;
    uint8_t bits;
    uint16_t lanes; /* always 1 */
  } dtype;
  int64_t* shape;
  int64_t* strides; /* elements; null: row-major and compact */
  uint64_t byte_offset;
} dream_dl_tensor;

typedef struct dream_dl_managed_tensor {
  dream_dl_tensor dl_tensor;
  void* manager_ctx;
  void (*deleter)(struct dream_dl_managed_tensor* self); /* may be null: nothing to free */
} dream_dl_managed_tensor;

typedef struct dream_tensor_1 {
  uint32_t struct_size;
  uint32_t reserved;

  /* A new row-major fp32 tensor of zeros in CPU memory; ndim 0 to 8, no negative size. The caller
   * owns *tensor. [any thread] */
  dream_status* (*zeros)(const dream_host* host, const int64_t* shape, int32_t ndim,
                         dream_dl_managed_tensor** tensor);

  /* Noise as torch.randn draws it on a CPU generator seeded with `seed`: fp32, row-major, CPU.
   * The caller owns *tensor. Needs the engine. [any thread] */
  dream_status* (*randn)(const dream_host* host, const int64_t* shape, int32_t ndim, uint64_t seed,
                         dream_dl_managed_tensor** tensor);
} dream_tensor_1;

#ifdef __cplusplus
}
#endif
#endif
