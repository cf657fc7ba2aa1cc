#ifndef VEC_KERNELS_H
#define VEC_KERNELS_H
int vk_placeholder(void);
#endif
