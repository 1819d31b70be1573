/** Tests that no other implementation can pass, by name, and why. */
export const leftOut: readonly (readonly [RegExp, string])[] = [
  [/^test_bernoulli/, "the outputs are draws of NumPy's random generator"],
  [/^test_training_dropout(?!_zero_ratio)/, "the outputs are draws of NumPy's random generator"],
  [
    /^test_image_decoder_decode_/,
    'the outputs are pixels as one image decoder rounds them; an image decoder is not part of a runtime',
  ],
]
