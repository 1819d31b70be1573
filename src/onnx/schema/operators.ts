// Made by scripts/operator-schemas.py from the schemas of ONNX 1.23.1 (https://github.com/onnx/onnx); how to read it:
// src/onnx/schemas.ts.

/** Sets of types that stand in {@link OPERATORS} by their number. */
export const TYPE_SETS =
  'abcdefghijklmno abcdefghijklmnop ajkp abcdefgjklm abcdefgjklmp abcdefghijklmnopqrstuvwx abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvw abcdefghijklmnopqrstuv abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz afgjklm abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz/abcdefghijklmnop afgjklmp abcdefghijklmno/abcdefghijklmno abcdefghijklmnopqrstuvwx/abcdefghijklmnopqrstuvwx/abcdefghijklmnopqrstuvwx/abcdefghijklmnop abcdefghijklmnopqrstuvw/abcdefghijklmnopqrstuvw/abcdefghijklmnopqrstuvw/abcdefghijklmnop abcdefghijklmnopqrstuv/abcdefghijklmnopqrstuv/abcdefghijklmnopqrstuv/abcdefghijklmnop abcdefghijklmnopqrst/abcdefghijklmnopqrst/abcdefghijklmnopqrst/abcdefghijklmnop /abcdefghijklmno abcdefghijklmpqrstuvwxyz abcdefghijklmnop/abcdefghijklmnop/abcdefghijklmnop/abcdefghijklmnop abcdefghijklmno/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz abcdefgijklmp abcdefghijklmnopqrst //abcdefghijklmno/abcdefghijklmno abcdefghijklmpqrstuvwx abcdefghijklmpqrstuvw abcdefghijklmpqrstuv abcdefghijklmpqrst abcdefgijklm abcdefghijklmp afgk abcdefgijklmnopqrstuvwxyz abcfgjklmp bcdefglm ajkpqrst afjp bcdefqrstuvwyz abcdefghijklm bcdeqrstuvwyz bcdefqrstuvw bcqrst abcfgijklmp bcdeqrstuvw abcfgjklm acefgjkp ////m afjpx aefghk afgjkp ajpx afghk'

/** An operator a line. */
export const OPERATORS = `Abs|6;T>T;-;T#3|13;;-;T#4
Acos|7;T>T;-;T=ajk|22;;-;T#2
Acosh|9;T>T;-;T=ajk|22;;-;T#2
Add|7;T,T>T;-;T#10|13;;-;T#12|14;;-;T#4
AffineGrid|20;T1,T2>T1;align_corners;T1#2 T2=g
And|7;T,T>T1;-;T=i T1=i
ArgMax|1;T>=g;axis,keepdims;T#3|11|12;;axis,keepdims,select_last_index|13;;;T#4
ArgMin|1;T>=g;axis,keepdims;T#3|11|12;;axis,keepdims,select_last_index|13;;;T#4
Asin|7;T>T;-;T=ajk|22;;-;T#2
Asinh|9;T>T;-;T=ajk|22;;-;T#2
Atan|7;T>T;-;T=ajk|22;;-;T#2
Atanh|9;T>T;-;T=ajk|22;;-;T#2
Attention|23;T1,T1,T2,U?,T1?,T2?>T1,T1?,T2?,T1?;is_causal,kv_num_heads,q_num_heads,qk_matmul_output_mode,scale,softcap,softmax_precision;T1#2 T2#2 U#23|24;T1,T1,T2,U?,T1?,T2?,=g?>T1,T1?,T2?,T1?|25;;is_causal,kv_num_heads,left_window_size,q_num_heads,qk_matmul_output_mode,right_window_size,scale,softcap,softmax_precision
AveragePool|7;T>T;auto_pad,count_include_pad,kernel_shape,pads,strides;T=ajk|10;;auto_pad,ceil_mode,count_include_pad,kernel_shape,pads,strides|11|19;;auto_pad,ceil_mode,count_include_pad,dilations,kernel_shape,pads,strides|22;;;T#2
BatchNormalization|7;T,T,T,T,T>T,T?,T?,T?,T?;epsilon,momentum,spatial;T=ajk|9;;epsilon,momentum|14;T,T,T,U,U>T,U?,U?;epsilon,momentum,training_mode;T#2 U#2|15;T,T1,T1,T2,T2>T,T2?,T2?;;T#2 T1#2 T2#2
Bernoulli|15;T1>T2;dtype,seed;T1=ajk T2#23|22;;;T1#2 T2#23
BitCast|26;T1>T2;to;T1#33 T2#33
BitShift|11;T,T>T;direction;T=bdlm|28;;;T#35
BitwiseAnd|18;T,T>T;-;T#35
BitwiseNot|18;T>T;-;T#35
BitwiseOr|18;T,T>T;-;T#35
BitwiseXor|18;T,T>T;-;T#35
BlackmanWindow|17;T1>T2;output_datatype,periodic;T1=fg T2#4
Cast|6;T1>T2;to;T1#30 T2#30|9;;;T1#39 T2#39|13;;;T1#31 T2#31|19;;saturate,to;T1#29 T2#29|21;;;T1#28 T2#28|23;;;T1#27 T2#27|24;;round_mode,saturate,to;T1#26 T2#26|25;;;T1#19 T2#19|28
CastLike|15;T1,T2>T2;-;T1#31 T2#31|19;;saturate;T1#29 T2#29|21;;;T1#28 T2#28|23;;;T1#27 T2#27|24;;round_mode,saturate;T1#26 T2#26|25;;;T1#19 T2#19
CausalConvWithState|27;T,T,T?,T?>T,T;activation;T=ajp
Ceil|6;T>T;-;T=ajk|13;;-;T#2
Celu|12;T>T;alpha;T=a|28;;;T#2
CenterCropPad|18;T,Tind>T;axes;T#1 Tind=fg
Clip|6;T>T;max,min;T=ajk|11;T,T?,T?>T;-|12;;-;T#3|13;;-;T#4
Col2Im|18;T,=g,=g>T;dilations,pads,strides;T#1
Compress|9;T,T1>T;axis;T#0 T1=i|11|28;;;T#1 T1=i
Concat|4;T*>T;axis;T#0|11|13;;;T#1
ConcatFromSequence|11;S>T;axis,new_axis;S#18 T#0
Constant|1;>T;value;T=ajk|9;;;T#0|11;;sparse_value,value|12;;sparse_value,value,value_float,value_floats,value_int,value_ints,value_string,value_strings|13;;;T#1|19;;;T#24|21;;;T#8|23;;;T#7|24;;;T#5|25;;;T#6
ConstantOfShape|9;T1>T2;value;T1=g T2#30|20;;;T1=g T2=abcdefgijklmpqrst|21;;;T1=g T2=abcdefgijklmpqrstuv|23;;;T1=g T2=abcdefgijklmpqrstuvw|24;;;T1=g T2=abcdefgijklmpqrstuvwx|25;;;T1=g T2=abcdefgijklmpqrstuvwxyz
Conv|1;T,T,T?>T;auto_pad,dilations,group,kernel_shape,pads,strides;T=ajk|11|22;;;T#2
ConvInteger|10;T1,T2,T1?,T2?>T3;auto_pad,dilations,group,kernel_shape,pads,strides;T1=bc T2=bc T3=f
ConvTranspose|1;T,T,T?>T;auto_pad,dilations,group,kernel_shape,output_padding,output_shape,pads,strides;T=ajk|11|22;;;T#2
Cos|7;T>T;-;T=ajk|22;;-;T#2
Cosh|9;T>T;-;T=ajk|22;;-;T#2
CumProd|26;T,T2>T;exclusive,reverse;T#12 T2=fg
CumSum|11;T,T2>T;exclusive,reverse;T=afgklm T2=fg|14;;;T#12 T2=fg
DFT|17;T1,T2?>T1;axis,inverse,onesided;T1#2 T2=fg|20;T1,T2?,=g?>T1;inverse,onesided
DeformConv|19;T,T,T,T?,T?>T;dilations,group,kernel_shape,offset_group,pads,strides;T=ajk|22;;;T#2
DepthToSpace|1;T>T;blocksize;T#0|11;;blocksize,mode|13;;;T#1|28
DequantizeLinear|10;T,=a,T?>=a;-;T=bcf|13;;axis|19;T1,T2,T1?>T2;;T1=bcfqrst T2=ajp|21;;axis,block_size;T1=bcdefqrstuv T2=ajp|23;T1,T2,T1?>T3;axis,block_size,output_dtype;T1#41 T2=ajp T3=ajp|24;;;T1#41 T2#51 T3=ajp|25;;;T1#38 T2#51 T3=ajp|28
Det|11;T>T;-;T=ajk|22;;-;T#2
Div|7;T,T>T;-;T#10|13;;-;T#12|14;;-;T#4
Dropout|7;T>T,T?;ratio;T=ajk|10;T>T,T1?;;T=ajk T1=i|12;T,T1?,T2?>T,T2?;seed;T=ajk T1=ajk T2=i|13;;;T#2 T1=ajk T2=i|22;;;T#36 T1#36 T2=i
DynamicQuantizeLinear|11;T1>T2,=a,T2;-;T1=a T2=b
Einsum|12;T*>T;equation;T#3|28;;;T#4
Elu|6;T>T;alpha;T=ajk|22;;;T#2
Equal|7;T,T>T1;-;T=fgi T1=i|11;;-;T#30 T1=i|13;;-;T#23 T1=i|19;;-;T#31 T1=i
Erf|9;T>T;-;T#3|13;;-;T#2
Exp|6;T>T;-;T=ajk|13;;-;T#2
Expand|8;T,=g>T;-;T#0|13;;-;T#1
EyeLike|9;T1>T2;dtype,k;T1#30 T2#30|22;;;T1#23 T2#23
Flatten|1;T>T;axis;T=ajk|9;;;T#0|11|13;;;T#1|21;;;T#8|23;;;T#7|24;;;T#5|25;;;T#6
Floor|6;T>T;-;T=ajk|13;;-;T#2
GRU|7;T,T,T,T?,T1?,T?>T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size,linear_before_reset;T=ajk T1=f|14;;activation_alpha,activation_beta,activations,clip,direction,hidden_size,layout,linear_before_reset|22;;;T#2 T1=f
Gather|1;T,Tind>T;axis;T#0 Tind=fg|11|13;;;T#1 Tind=fg
GatherElements|11;T,Tind>T;axis;T#0 Tind=fg|13;;;T#1 Tind=fg
GatherND|11;T,=g>T;-;T#0|12;;batch_dims|13;;;T#1
Gelu|20;T>T;approximate;T#2
Gemm|7;T,T,T>T;alpha,beta,transA,transB;T=ajk|9;;;T#10|11;T,T,T?>T|13;;;T#12
GlobalAveragePool|1;T>T;-;T=ajk|22;;-;T#2
GlobalLpPool|2;T>T;p;T=ajk|22;;;T#2
GlobalMaxPool|1;T>T;-;T=ajk|22;;-;T#2
Greater|7;T,T>T1;-;T=ajk T1=i|9;;-;T#3 T1=i|13;;-;T#4 T1=i
GreaterOrEqual|12;T,T>T1;-;T#3 T1=i|16;;-;T#4 T1=i
GridSample|16;T1,T2>T1;align_corners,mode,padding_mode;T1#0 T2=ajk|20|22;;;T1#1 T2#2
GroupNormalization|18;-;-;-|21;T,T,T>T;epsilon,num_groups,stash_type;T#2
HammingWindow|17;T1>T2;output_datatype,periodic;T1=fg T2#4
HannWindow|17;T1>T2;output_datatype,periodic;T1=fg T2#4
HardSigmoid|6;T>T;alpha,beta;T=ajk|22;;;T#2
HardSwish|14;T>T;-;T=ajk|22;;-;T#2
Hardmax|1;T>T;axis;T=ajk|11|13;;;T#2
Identity|1;T>T;-;T#0|13;;-;T#1|14;V>V;-;V=abcdefghijklmnop/abcdefghijklmno|16;;-;V=abcdefghijklmnop/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno|19;;-;V=abcdefghijklmnopqrst/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno|21;;-;V=abcdefghijklmnopqrstuv/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno|23;;-;V=abcdefghijklmnopqrstuvw/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno|24;;-;V=abcdefghijklmnopqrstuvwx/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno|25;;-;V=abcdefghijklmnopqrstuvwxyz/abcdefghijklmno/abcdefghijklmno/abcdefghijklmno
If|1;B>V+;else_branch,then_branch;B=i V#0|11|13;;;B=i V#13|16;;;B=i V#20|19;;;B=i V#17|21;;;B=i V#16|23;;;B=i V#15|24;;;B=i V#14|25;;;B=i V#11
ImageDecoder|20;T1>T2;pixel_format;T1=b T2=b
InstanceNormalization|6;T,T,T>T;epsilon;T=ajk|22;;;T#2
IsInf|10;T1>T2;detect_negative,detect_positive;T1=ak T2=i|20;;;T1#36 T2=i
IsNaN|9;T1>T2;-;T1=ajk T2=i|13;;-;T1#2 T2=i|20;;-;T1#36 T2=i
LRN|1;T>T;alpha,beta,bias,size;T=ajk|13;;;T#2
LSTM|7;T,T,T,T?,T1?,T?,T?,T?>T?,T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size,input_forget;T=ajk T1=f|14;;activation_alpha,activation_beta,activations,clip,direction,hidden_size,input_forget,layout|22;;;T#2 T1=f
LayerNormalization|17;T,T,T?>T,U?,U?;axis,epsilon,stash_type;T#2 U=ap
LeakyRelu|6;T>T;alpha;T=ajk|16;;;T#2
Less|7;T,T>T1;-;T=ajk T1=i|9;;-;T#3 T1=i|13;;-;T#4 T1=i
LessOrEqual|12;T,T>T1;-;T#3 T1=i|16;;-;T#4 T1=i
LinearAttention|27;T,T,T,S?,T?,T?>T,S;chunk_size,kv_num_heads,q_num_heads,scale,update_rule;S=ajp T=ajp
Log|6;T>T;-;T=ajk|13;;-;T#2
LogSoftmax|1;T>T;axis;T=ajk|11|13;;;T#2
Loop|1;I?,B?,V+>V+;body;B=i I=g V#0|11|13;;;B=i I=g V#13|16;;;B=i I=g V#20|19;;;B=i I=g V#17|21;;;B=i I=g V#16|23;;;B=i I=g V#15|24;;;B=i I=g V#14|25;;;B=i I=g V#11
LpNormalization|1;T>T;axis,p;T=ajk|22;;;T#2
LpPool|2;T>T;auto_pad,kernel_shape,p,pads,strides;T=ajk|11|18;;auto_pad,ceil_mode,dilations,kernel_shape,p,pads,strides|22;;;T#2
MatMul|1;T,T>T;-;T=ajk|9;;-;T#10|13;;-;T#12
MatMulInteger|10;T1,T2,T1?,T2?>T3;-;T1=bc T2=bc T3=f
Max|6;T*>T;-;T=ajk|8;;-|12;;-;T#3|13;;-;T#4
MaxPool|1;T>T;auto_pad,kernel_shape,pads,strides;T=ajk|8;T>T,I?;auto_pad,kernel_shape,pads,storage_order,strides;I=g T=ajk|10;;auto_pad,ceil_mode,dilations,kernel_shape,pads,storage_order,strides|11|12;;;I=g T=abcjk|22;;;I=g T=abcjkp
MaxRoiPool|1;T,T>T;pooled_shape,spatial_scale;T=ajk|22;;;T#2
MaxUnpool|9;T1,T2,T2?>T1;kernel_shape,pads,strides;T1=ajk T2=g|11|22;;;T1#2 T2=g
Mean|6;T*>T;-;T=ajk|8;;-|13;;-;T#2
MeanVarianceNormalization|9;T>T;axes;T=ajk|13;;;T#2
MelWeightMatrix|17;T1,T1,T1,T2,T2>T3;output_datatype;T1=fg T2#2 T3#4
Min|6;T*>T;-;T=ajk|8;;-|12;;-;T#3|13;;-;T#4
Mish|18;T>T;-;T=ajk|22;;-;T#2
Mod|10;T,T>T;fmod;T#3|13;;;T#4|28
Mul|7;T,T>T;-;T#10|13;;-;T#12|14;;-;T#4
Multinomial|7;T1>T2;dtype,sample_size,seed;T1=ajk T2=fg|22;;;T1#2 T2=fg
Neg|6;T>T;-;T=acefgjk|13;;-;T#46
NegativeLogLikelihoodLoss|12;T,Tind,T?>T;ignore_index,reduction;T=ajk Tind=fg|13|22;;;T#2 Tind=fg
NonMaxSuppression|10;=a,=a,=g?,=a?,=a?>=g;center_point_box;-|11;;;-
NonZero|9;T>=g;-;T#0|13;;-;T#1
Not|1;T>T;-;T=i
OneHot|9;T1,T2,T3>T3;axis;T1#3 T2#3 T3#0|11|28;;;T1#3 T2#3 T3#1
Optional|15;V?>O;type;O#25 V#13|28;;;O=//abcdefghijklmnopqrstuvwxyz/abcdefghijklmnopqrstuvwxyz V#22
OptionalGetElement|15;O>V;-;O#25 V#13|18;;-;O#21 V#13|28;;-;O#9 V#22
OptionalHasElement|15;O>B;-;B=i O#25|18;O?>B;-;B=i O#21|28;;-;B=i O#9
Or|7;T,T>T1;-;T=i T1=i
PRelu|7;T,T>T;-;T=ajk|9;;-;T#10|16;;-;T#12
Pad|2;T>T;mode,pads,value;T=ajk|11;T,=g,T?>T;mode;T#3|13;;;T#1|18;T,=g,T?,Tind?>T;;T#1 Tind=fg|19|21;;;T#8 Tind=fg|23;;;T#7 Tind=fg|24;;;T#5 Tind=fg|25;;;T#6 Tind=fg
Pow|7;T,T>T;-;T=ajk|12;T,T1>T;-;T=afgjk T1#3|13;;-;T#50 T1#3|15;;-;T#50 T1#4
QLinearConv|10;T1,=a,T1,T2,=a,T2,=a,T3,T4?>T3;auto_pad,dilations,group,kernel_shape,pads,strides;T1=bc T2=bc T3=bc T4=f
QLinearMatMul|10;T1,=a,T1,T2,=a,T2,=a,T3>T3;-;T1=bc T2=bc T3=bc|21;T1,TS,T1,T2,TS,T2,TS,T3>T3;-;T1#42 T2#42 T3#42 TS=ajp
QuantizeLinear|10;T1,=a,T2?>T2;-;T1=af T2=bc|13;;axis|19;T1,T1,T2?>T2;axis,saturate;T1#37 T2#42|21;;axis,block_size,output_dtype,saturate;T1#37 T2=bcdeqrstuv|23;T1,T2,T3?>T3;axis,block_size,output_dtype,precision,saturate;T1#37 T2#37 T3#44|24;;;T1#37 T2#48 T3#44|25;;;T1#37 T2#48 T3#40|28
RMSNormalization|23;T,V>V;axis,epsilon,stash_type;T#2 V#2
RNN|7;T,T,T,T?,T1?,T?>T?,T?;activation_alpha,activation_beta,activations,clip,direction,hidden_size;T=ajk T1=f|14;;activation_alpha,activation_beta,activations,clip,direction,hidden_size,layout|22;;;T#2 T1=f
RandomNormal|1;>T;dtype,mean,scale,seed,shape;T=ajk|22;;;T#2
RandomNormalLike|1;T1>T2;dtype,mean,scale,seed;T1#0 T2=ajk|22;;;T1#1 T2#2
RandomUniform|1;>T;dtype,high,low,seed,shape;T=ajk|22;;;T#2
RandomUniformLike|1;T1>T2;dtype,high,low,seed;T1#0 T2=ajk|22;;;T1#1 T2#2
Range|11;T,T,T>T;-;T=aefgk|27;;stash_type;T=aefgjkp
Reciprocal|6;T>T;-;T=ajk|13;;-;T#2
ReduceL1|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes
ReduceL2|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes
ReduceLogSum|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes|28;;;T#2
ReduceLogSumExp|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes|28;;;T#2
ReduceMax|1;T>T;axes,keepdims;T#10|11|12;;;T#45|13;;;T#34|18;T,=g?>T;keepdims,noop_with_empty_axes|20;;;T#43
ReduceMean|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes
ReduceMin|1;T>T;axes,keepdims;T#10|11|12;;;T#45|13;;;T#34|18;T,=g?>T;keepdims,noop_with_empty_axes|20;;;T#43
ReduceProd|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes
ReduceSum|1;T>T;axes,keepdims;T#10|11|13;T,=g?>T;keepdims,noop_with_empty_axes;T#12
ReduceSumSquare|1;T>T;axes,keepdims;T#10|11|13;;;T#12|18;T,=g?>T;keepdims,noop_with_empty_axes
RegexFullMatch|20;T1>T2;pattern;T1=h T2=i
Relu|6;T>T;-;T=ajk|13;;-;T#2|14;;-;T#46
Reshape|5;T,=g>T;-;T#0|13;;-;T#1|14;;allowzero|19;;;T#24|21;;;T#8|23;;;T#7|24;;;T#5|25;;;T#6
Resize|10;T,=a>T;mode;T#0|11;T1,T2,=a,=g?>T1;coordinate_transformation_mode,cubic_coeff_a,exclude_outside,extrapolation_value,mode,nearest_mode;T1#0 T2=ajk|13;T1,T2?,=a?,=g?>T1;;T1#1 T2=ajk|18;;antialias,axes,coordinate_transformation_mode,cubic_coeff_a,exclude_outside,extrapolation_value,keep_aspect_ratio_policy,mode,nearest_mode|19
ReverseSequence|10;T,=g>T;batch_axis,time_axis;T#0|28;;;T#1
RoiAlign|10;T1,T1,T2>T1;mode,output_height,output_width,sampling_ratio,spatial_scale;T1=ajk T2=g|16;;coordinate_transformation_mode,mode,output_height,output_width,sampling_ratio,spatial_scale|22;;;T1#2 T2=g
RotaryEmbedding|23;T,T,T,M?>T;interleaved,num_heads,rotary_embedding_dim;M=g T=ajp
Round|11;T>T;-;T=ajk|22;;-;T#2
STFT|17;T1,T2,T1?,T2?>T1;onesided;T1#2 T2=fg
Scan|8;I?,V+>V+;body,directions,num_scan_inputs;I=g V#0|9;V+>V+;body,num_scan_inputs,scan_input_axes,scan_input_directions,scan_output_axes,scan_output_directions;V#0|11|16;;;V#1|19;;;V#24|21;;;V#8|23;;;V#7|24;;;V#5|25;;;V#6
Scatter|9;T,Tind,T>T;axis;T#0 Tind=fg|11;-;-;-
ScatterElements|11;T,Tind,T>T;axis;T#0 Tind=fg|13;;;T#1 Tind=fg|16;;axis,reduction|18
ScatterND|11;T,=g,T>T;-;T#0|13;;-;T#1|16;;reduction|18
Selu|6;T>T;alpha,gamma;T=ajk|22;;;T#2
SequenceAt|11;S,I>T;-;I=fg S#18 T#0
SequenceConstruct|11;T*>S;-;S#18 T#0
SequenceEmpty|11;>S;dtype;S#18
SequenceErase|11;S,I?>S;-;I=fg S#18
SequenceInsert|11;S,T,I?>S;-;I=fg S#18 T#0
SequenceLength|11;S>I;-;I=g S#18
SequenceMap|17;S,V+>S+;body;S#18 V#13
Shape|1;T>T1;-;T#0 T1=g|13;;-;T#1 T1=g|15;;end,start|19;;;T#24 T1=g|21;;;T#8 T1=g|23;;;T#7 T1=g|24;;;T#5 T1=g|25;;;T#6 T1=g
Shrink|9;T>T;bias,lambd;T#3
Sigmoid|6;T>T;-;T=ajk|13;;-;T#2
Sign|9;T>T;-;T#3|13;;-;T#4
Sin|7;T>T;-;T=ajk|22;;-;T#2
Sinh|9;T>T;-;T=ajk|22;;-;T#2
Size|1;T>T1;-;T#0 T1=g|13;;-;T#1 T1=g|19;;-;T#24 T1=g|21;;-;T#8 T1=g|23;;-;T#7 T1=g|24;;-;T#5 T1=g|25;;-;T#6 T1=g
Slice|1;T>T;axes,ends,starts;T#0|10;T,Tind,Tind,Tind?,Tind?>T;-;T#0 Tind=fg|11;;-|13;;-;T#1 Tind=fg
Softmax|1;T>T;axis;T=ajk|11|13;;;T#2
SoftmaxCrossEntropyLoss|12;T,Tind,T?>T,T?;ignore_index,reduction;T=ajk Tind=fg|13;;;T#2 Tind=fg
Softplus|1;T>T;-;T=ajk|22;;-;T#2
Softsign|1;T>T;-;T=ajk|22;;-;T#2
SpaceToDepth|1;T>T;blocksize;T#0|13;;;T#1|28;;blocksize,mode
Split|2;T>T*;axis,split;T#0|11|13;T,=g?>T*;axis;T#1|18;;axis,num_outputs
SplitToSequence|11;T,I?>S;axis,keepdims;I=fg S#18 T#0|24;;;I=fg S=/abcdefghijklmnop T#1
Sqrt|6;T>T;-;T=ajk|13;;-;T#2
Squeeze|1;T>T;axes;T#0|11|13;T,=g?>T;-;T#1|21;;-;T#8|23;;-;T#7|24;;-;T#5|25;;-;T#6
StringConcat|20;T,T>T;-;T=h
StringNormalizer|10;=h>=h;case_change_action,is_case_sensitive,locale,stopwords;-
StringSplit|20;T1>T2,T3;delimiter,maxsplit;T1=h T2=h T3=g
Sub|7;T,T>T;-;T#10|13;;-;T#12|14;;-;T#4
Sum|6;T*>T;-;T=ajk|8;;-|13;;-;T#2
SwiGLU|28;T,T>T;alpha;T#2
Swish|24;T>T;alpha;T#2
Tan|7;T>T;-;T=ajk|22;;-;T#2
Tanh|6;T>T;-;T=ajk|13;;-;T#2
TensorScatter|24;T,T,=g?>T;axis,mode;T#5
TfIdfVectorizer|9;T>T1;max_gram_length,max_skip_count,min_gram_length,mode,ngram_counts,ngram_indexes,pool_int64s,pool_strings,weights;T=fgh T1=a
ThresholdedRelu|10;T>T;alpha;T=ajk|22;;;T#2
Tile|6;T,T1>T;-;T#0 T1=g|13;;-;T#1 T1=g
TopK|1;T>T,I;axis,k;I=g T=ajk|10;T,=g>T,I;axis|11;;axis,largest,sorted;I=g T#3|24;;;I=g T#4
Transpose|1;T>T;perm;T#0|13;;;T#1|21;;;T#8|23;;;T#7|24;;;T#5|25;;;T#6
Trilu|14;T,=g?>T;upper;T#1
Unique|11;T>T,=g?,=g?,=g?;axis,sorted;T#0|28;;;T#1
Unsqueeze|1;T>T;axes;T#0|11|13;T,=g>T;-;T#1|21;;-;T#8|23;;-;T#7|24;;-;T#5|25;;-;T#6
Upsample|7;T>T;mode,scales;T#0|9;T,=a>T;mode|10;-;-;-
Where|9;B,T,T>T;-;B=i T#0|16;;-;B=i T#1
Xor|7;T,T>T1;-;T=i T1=i
ai.onnx.ml.ArrayFeatureExtractor|1;T,=g>T;-;T#52
ai.onnx.ml.Binarizer|1;T>T;threshold;T#32
ai.onnx.ml.CastMap|1;T1>T2;cast_to,map_form,max_map;T1#47 T2=agh
ai.onnx.ml.CategoryMapper|1;T1>T2;cats_int64s,cats_strings,default_int64,default_string;T1=gh T2=gh
ai.onnx.ml.DictVectorizer|1;T1>T2;int64_vocabulary,string_vocabulary;T1#47 T2=aghk
ai.onnx.ml.FeatureVectorizer|1;T1*>=a;inputdimensions;T1#32
ai.onnx.ml.Imputer|1;T>T;imputed_value_floats,imputed_value_int64s,replaced_value_float,replaced_value_int64;T#32
ai.onnx.ml.LabelEncoder|1;T1>T2;classes_strings,default_int64,default_string;T1=gh T2=gh|2;;default_float,default_int64,default_string,keys_floats,keys_int64s,keys_strings,values_floats,values_int64s,values_strings;T1=agh T2=agh|4;;default_float,default_int64,default_string,default_tensor,keys_floats,keys_int64s,keys_strings,keys_tensor,values_floats,values_int64s,values_strings,values_tensor;T1#49 T2#49
ai.onnx.ml.LinearClassifier|1;T1>T2,=a;classlabels_ints,classlabels_strings,coefficients,intercepts,multi_class,post_transform;T1#32 T2=gh
ai.onnx.ml.LinearRegressor|1;T>=a;coefficients,intercepts,post_transform,targets;T#32
ai.onnx.ml.Normalizer|1;T>=a;norm;T#32
ai.onnx.ml.OneHotEncoder|1;T>=a;cats_int64s,cats_strings,zeros;T#52
ai.onnx.ml.SVMClassifier|1;T1>T2,=a;classlabels_ints,classlabels_strings,coefficients,kernel_params,kernel_type,post_transform,prob_a,prob_b,rho,support_vectors,vectors_per_class;T1#32 T2=gh
ai.onnx.ml.SVMRegressor|1;T>=a;coefficients,kernel_params,kernel_type,n_supports,one_class,post_transform,rho,support_vectors;T#32
ai.onnx.ml.Scaler|1;T>=a;offset,scale;T#32
ai.onnx.ml.TreeEnsemble|5;T>T;aggregate_function,leaf_targetids,leaf_weights,membership_values,n_targets,nodes_falseleafs,nodes_falsenodeids,nodes_featureids,nodes_hitrates,nodes_missing_value_tracks_true,nodes_modes,nodes_splits,nodes_trueleafs,nodes_truenodeids,post_transform,tree_roots;T=ajk
ai.onnx.ml.TreeEnsembleClassifier|1;T1>T2,=a;base_values,class_ids,class_nodeids,class_treeids,class_weights,classlabels_int64s,classlabels_strings,nodes_falsenodeids,nodes_featureids,nodes_hitrates,nodes_missing_value_tracks_true,nodes_modes,nodes_nodeids,nodes_treeids,nodes_truenodeids,nodes_values,post_transform;T1#32 T2=gh|3;;base_values,base_values_as_tensor,class_ids,class_nodeids,class_treeids,class_weights,class_weights_as_tensor,classlabels_int64s,classlabels_strings,nodes_falsenodeids,nodes_featureids,nodes_hitrates,nodes_hitrates_as_tensor,nodes_missing_value_tracks_true,nodes_modes,nodes_nodeids,nodes_treeids,nodes_truenodeids,nodes_values,nodes_values_as_tensor,post_transform|5;-;-;-
ai.onnx.ml.TreeEnsembleRegressor|1;T>=a;aggregate_function,base_values,n_targets,nodes_falsenodeids,nodes_featureids,nodes_hitrates,nodes_missing_value_tracks_true,nodes_modes,nodes_nodeids,nodes_treeids,nodes_truenodeids,nodes_values,post_transform,target_ids,target_nodeids,target_treeids,target_weights;T#32|3;;aggregate_function,base_values,base_values_as_tensor,n_targets,nodes_falsenodeids,nodes_featureids,nodes_hitrates,nodes_hitrates_as_tensor,nodes_missing_value_tracks_true,nodes_modes,nodes_nodeids,nodes_treeids,nodes_truenodeids,nodes_values,nodes_values_as_tensor,post_transform,target_ids,target_nodeids,target_treeids,target_weights,target_weights_as_tensor|5;-;-;-
ai.onnx.ml.ZipMap|1;=a>T;classlabels_int64s,classlabels_strings;T#47`
