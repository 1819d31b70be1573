// Made by scripts/default-set.ts: what layers and functions apply, as the default operator set has it; how to read it: src/onnx/schemas.ts.

/** Sets of types that stand in {@link OPERATORS} by their number. */
export const TYPE_SETS =
  'abcdefgjklmp ajk i ajkp abcdefgijklmp abcdefghijklmpqrstuv a abcdefghijklmnop afgjklmp fg bcdefqrstuv ajp abcdefgjklm abcdefghijklmp abcdefghijklmnopqrstuv f abcdefghijklmnopqrstuv/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno ajkpqrst ap abcjk g acefgjkp abcdefghijklmno afgjkp aefgk abcfgijklmp abcdefghijklmnopqrstuvwx'

/** Operators that are alike a line. */
export const OPERATORS = `Abs Sign|;T>T;-;T#0
Acos Acosh Asin Asinh Atan Atanh Cos Cosh HardSwish Mish Round Sin Sinh Softplus Softsign Tan|;T>T;-;T#1
Add Div Mul Sub|;T,T>T;-;T#0
And Or Xor|;T,T>U;-;T#2 U#2
ArgMax ArgMin|;T>=g;axis,keepdims,select_last_index;T#0
Attention|23;T,T,U,V?,T?,U?>T,T?,U?,T?;is_causal,kv_num_heads,q_num_heads,qk_matmul_output_mode,scale,softcap,softmax_precision;T#3 U#3 V#4
AveragePool|;T>T;auto_pad,ceil_mode,count_include_pad,dilations,kernel_shape,pads,strides;T#1
BatchNormalization|;T,U,U,V,V>T,V?,V?;epsilon,momentum,training_mode;T#3 U#3 V#3
Bernoulli|;T>U;dtype,seed;T#1 U#4
Cast|;T>U;saturate,to;T#5 U#5
Ceil Erf Exp Floor Log Reciprocal Sigmoid Sqrt Tanh|;T>T;-;T#3
Celu|;T>T;alpha;T#6
Clip|;T,T?,T?>T;-;T#0
Concat|;T*>T;axis;T#7
Conv|;T,T,T?>T;auto_pad,dilations,group,kernel_shape,pads,strides;T#1
ConvTranspose|;T,T,T?>T;auto_pad,dilations,group,kernel_shape,output_padding,output_shape,pads,strides;T#1
CumProd|26;T,U>T;exclusive,reverse;T#8 U#9
CumSum|;T,U>T;exclusive,reverse;T#8 U#9
DequantizeLinear|;T,U,T?>U;axis,block_size;T#10 U#11
Einsum|;T*>T;equation;T#12
Elu|;T>T;alpha;T#1
Equal|;T,T>U;-;T#13 U#2
Expand|;T,=g>T;-;T#7
Flatten|;T>T;axis;T#14
GRU|;T,T,T,T?,U?,T?>T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size,layout,linear_before_reset;T#1 U#15
Gather GatherElements|;T,U>T;axis;T#7 U#9
Gelu|;T>T;approximate;T#3
Gemm|;T,T,T?>T;alpha,beta,transA,transB;T#8
Greater GreaterOrEqual Less LessOrEqual|;T,T>U;-;T#0 U#2
GroupNormalization|;T,T,T>T;epsilon,num_groups,stash_type;T#3
HardSigmoid|;T>T;alpha,beta;T#1
Identity|;T>T;-;T#16
InstanceNormalization|;T,T,T>T;epsilon;T#1
IsInf|;T>U;detect_negative,detect_positive;T#17 U#2
IsNaN|;T>U;-;T#17 U#2
LRN|;T>T;alpha,beta,bias,size;T#3
LSTM|;T,T,T,T?,U?,T?,T?,T?>T?,T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size,input_forget,layout;T#1 U#15
LayerNormalization|;T,T,T?>T,U?,U?;axis,epsilon,stash_type;T#3 U#18
LeakyRelu|;T>T;alpha;T#3
LogSoftmax Softmax|;T>T;axis;T#3
MatMul PRelu|;T,T>T;-;T#8
Max Min|;T*>T;-;T#0
MaxPool|;T>T,U?;auto_pad,ceil_mode,dilations,kernel_shape,pads,storage_order,strides;T#19 U#20
Mean|;T*>T;-;T#3
Mod|;T,T>T;fmod;T#0
Neg Relu|;T>T;-;T#21
NonZero|;T>=g;-;T#7
Not|;T>T;-;T#2
OneHot|;T,U,V>V;axis;T#12 U#12 V#22
Pad|;T,=g,T?,U?>T;mode;T#14 U#9
Pow|;T,U>T;-;T#23 U#0
RMSNormalization|23;T,U>U;axis,epsilon,stash_type;T#3 U#3
RNN|;T,T,T,T?,U?,T?>T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size,layout;T#1 U#15
RandomNormal|;>T;dtype,mean,scale,seed,shape;T#1
RandomUniform|;>T;dtype,high,low,seed,shape;T#1
Range|;T,T,T>T;-;T#24
ReduceL2 ReduceLogSumExp ReduceMean ReduceProd ReduceSum ReduceSumSquare|;T,=g?>T;keepdims,noop_with_empty_axes;T#8
ReduceMax ReduceMin|;T,=g?>T;keepdims,noop_with_empty_axes;T#25
Reshape|;T,=g>T;allowzero;T#14
Resize|;T,U?,=a?,=g?>T;antialias,axes,coordinate_transformation_mode,cubic_coeff_a,exclude_outside,extrapolation_value,keep_aspect_ratio_policy,mode,nearest_mode;T#7 U#1
Scan|;T+>T+;body,num_scan_inputs,scan_input_axes,scan_input_directions,scan_output_axes,scan_output_directions;T#14
ScatterElements|;T,U,T>T;axis,reduction;T#7 U#9
Selu|;T>T;alpha,gamma;T#1
Shape|;T>U;end,start;T#14 U#20
Slice|;T,U,U,U?,U?>T;-;T#7 U#9
SoftmaxCrossEntropyLoss|;T,U,T?>T,T?;ignore_index,reduction;T#3 U#9
Split|;T,=g?>T*;axis,num_outputs;T#7
Squeeze|;T,=g?>T;-;T#14
Swish|24;T>T;alpha;T#3
TensorScatter|24;T,T,=g?>T;axis,mode;T#26
Tile|;T,U>T;-;T#7 U#20
TopK|;T,=g>T,U;axis,largest,sorted;T#12 U#20
Transpose|;T>T;perm;T#14
Trilu|;T,=g?>T;upper;T#7
Unsqueeze|;T,=g>T;-;T#14
Where|;T,U,U>U;-;T#2 U#7`
