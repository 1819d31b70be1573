/** First address that no static data of the module occupies: where a context may start to allocate. */
export function heap_base(): usize {
  return __heap_base;
}

/** 1 if this is the `relaxed` build, 0 if it is `simd`: how a module that was handed in says what it is. */
export function is_relaxed(): i32 {
  return ASC_FEATURE_RELAXED_SIMD ? 1 : 0;
}
