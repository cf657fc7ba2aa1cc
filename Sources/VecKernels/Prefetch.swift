import CVecKernels

/// Starts to bring the cache line of an address into the cache. Never faults, whatever the address.
@inline(__always)
package func prefetch(_ address: UnsafeRawPointer) { vk_prefetch(address) }
