// Public, or the function below could not be inlined into the loops of other modules: a call per cache line costs as
// much as the prefetch.
public import CVecKernels

/// Starts to bring the cache line of an address into the cache. Never faults, whatever the address.
@inlinable
@inline(__always)
package func prefetch(_ address: UnsafeRawPointer) { vk_prefetch(address) }
