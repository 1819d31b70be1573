// The model lies beside the folder of this example.
export default { base: './', server: { fs: { allow: ['..'] } }, build: { target: 'es2022' }, worker: { format: 'es' } }
