/** First address that no static data of the module occupies: where a context may start to allocate. */
export function heap_base(): usize {
  return __heap_base;
}
