"""What others call the arguments, arrays and gradients of a layer, and its two functions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping


def _of(words: str) -> tuple[str, ...]:
    return tuple(words.split())


FORWARD = _of(
    "forward __call__ forward_pass forward_propagation forward_prop feedforward fprop fwd loss calculate "
    "compute call calc value"
)
BACKWARD = _of(
    "backward backward_pass backprop backward_propagation back_propagation bprop bwd grad gradient derivative "
    "back loss_gradient prime backpropagate backwards backward_prop"
)
# Names are compared in small letters and without underscores, as `plain` has them.
# By axis, or by the option of an axis whose letter means something else in another op.
SIZES: Mapping[str, tuple[str, ...]] = {
    "C": _of(
        "inchannels channelsin inc cin nin inputchannels inputdim indim inch numfeatures nfeatures channels "
        "numchannels nchannels features dim ncprev inputdepth indepth c d numinputchannels ninchannels "
        "inplanes inputsize"
    ),
    "O": _of(
        "outchannels channelsout outc cout nout filters numfilters nfilters outfeatures featuresout outdim "
        "outputdim noutputs nneurons outputsize outsize units depth outch numoutputs fanout outputchannels "
        "hiddensize outputunits noutchannels outplanes numunits nunits outputs numneurons neurons outputshape "
        "dout kernels numkernels nc"
    ),
    "I": _of(
        "infeatures featuresin indim inputdim nin ninputs inputsize insize numinputs fanin inputunits inputs "
        "inputfeatures din nfeatures inunits d nx xdim xsize embeddim embsize embeddingdim"
    ),
    "*kernel": _of(
        "kernel filter filtersize filtershape kernelsize kernelshape ksize k f pool poolsize poolshape "
        "windowsize window hh size"
    ),
    "*last": _of(
        "normalizedshape normalisedshape dmodel dim hiddensize features nfeatures numfeatures hiddendim d "
        "size shape embeddim embdim"
    ),
    "hidden": _of(
        "hiddensize hidden hiddendim nhidden nhid h nh na units numunits numhidden hiddenunits statesize outputsize"
    ),
    "V": _of("numembeddings vocabsize vocab v numtokens nvocab inputdim"),
    "D": _of("embeddingdim embeddim embdim dim d dmodel embeddingsize wordvecsize outputdim"),
}
PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "kernel_size": _of(
        "kernel filter filtersize filtershape kernelsize kernelshape ksize k f pool poolsize poolshape "
        "windowsize window hh size"
    ),
    "stride": _of("stride strides s step downsamplingfactor"),
    "padding": _of("padding pad p pads zeropadding"),
    "dilation": _of("dilation dilations dilationrate kerneldilation"),
    "groups": _of("groups group numgroups ngroups ngroup G featuregroupcount"),
    "output_padding": _of("outputpadding outputpad"),
    "eps": _of("eps epsilon"),
    "negative_slope": _of("negativeslope slope alpha leak a leakyslope"),
    "alpha": _of("alpha a"),
    "beta": _of("beta"),
    "axis": _of("axis dim"),
    "reduction": _of("reduction reduce"),
    "scale": _of("scale scalefactor factor"),
    "causal": _of("causal iscausal"),
    "k": _of("k bias"),
    "size": _of("size n localsize depthradius nsize"),
    "output_size": _of("outputsize outsize"),
    "upscale_factor": _of("upscalefactor r factor"),
    "ceil_mode": _of("ceilmode"),
    "count_include_pad": _of("countincludepad"),
    "padding_index": _of("paddingindex paddingidx padidx padindex padid padtoken paddingtoken padrow"),
    "p": _of(
        "p rate dropprob dropoutrate ratio dropoutratio dropout keepprob keep keeprate prob dropoutp pdrop pkeep "
        "probability dropoutprob keepprobability dropoutprobability dropratio"
    ),
}
ARRAYS: Mapping[str, tuple[str, ...]] = {
    "x": _of("x input inputs a aprev z data inp inputdata features image images tensor xs"),
    "weight": _of(
        "weight weights w kernel kernels filter filters theta wmat coef coefs k f embeddings table lut embedding wte"
    ),
    "bias": _of("bias biases b bvec intercept offset"),
    "gamma": _of("gamma g scale weight weights w bngain gain a2 bw"),
    "beta": _of("beta b shift bias biases bvec intercept offset bnbias b2 bb"),
    "logits": _of(
        "x input inputs a aprev z data inp inputdata features image images tensor xs logits scores ypred yhat "
        "pred preds predictions prediction output outputs"
    ),
    "prediction": _of(
        "ypred yhat pred preds predictions prediction output outputs x input inputs a aprev z data inp "
        "inputdata features image images tensor xs"
    ),
    "target": _of("y t target targets labels label ytrue truth onehot yonehot ts yb"),
    "index": _of(
        "index indices idx ids tokens inputids tokenids x input inputs a aprev z data inp inputdata features "
        "image images tensor xs"
    ),
    "q": _of("q query queries"),
    "k": _of("k key keys"),
    "v": _of("v value values"),
    "mask": _of("mask attnmask"),
    "h": _of(
        "h hprev prevh hidden aprev hx state hprevt prevhidden hiddenprev prevstate previousstate states hiddenstate "
        "htm1 hc"
    ),
    "bias_x": _of("biasx bx bih biasih b"),
    "bias_h": _of("biash bh bhh biashh"),
    "c": _of("c cprev prevc cell cx cellstate cstate ccell cin ct cprevt prevcell cellprev ctm1"),
    "weight_x": _of("weightx wx wih weightih u"),
    "weight_h": _of("weighth wh whh weighthh w"),
}
CONTEXT = _of("ctx context")  # the first argument of a static forward, which saves there what backward needs
CACHE = _of("cache ctx context saved memory tape linearcache activationcache state caches mem res residuals")
NODES = _of("node")  # of a graph, which has what was handed over as its inputs
DIGITS = "0123456789"  # at the end of a name they say which layer
SETTINGS = _of(
    "param params hparam hparams hyper hyperparams hparameters hyperparameters config cfg options opts "
    "settings attrs parameters"
)
RATES = _of("learningrate lr alpha eta rate learnrate stepsize")
TRAINING = _of("training train istraining trainflg trainingmode istrain trainmode")
SHAPES = _of("inputshape inshape inputdims inputsize xshape")
DERIVATIVES = _of("derivative prime deriv grad gradient diff")
RESULTS = _of("y out output")  # of a derivative that is handed what forward returned
COTANGENTS = _of("g delta error upstream err loss gout gy outputgradient outgrad accumgrad")
ALONG = ({"h", "height"}, {"w", "width"})  # the ends of names that speak of one axis
FOLLOWS = {"stride": "kernel_size"}  # a parameter that is None is that of another

# Of functions that write into what they are handed: into what, what the first input is called if not as usual, and numbers,
# of leading axes, of y's last, and of others.
WRITTEN = _of("out output outp y yout res result dst probs prob losses loss z a o outs outputs ret")
SOURCES = _of("logits scores preact src z a u")
LEADING = _of("b batch batchsize bs n m t s l seq seqlen seqlength length rows nrows numtokens tokens")
OF_Y = _of("oc o k outc cout outfeatures outdim units dout outchannels nout odim outs")
COUNTS = (
    *LEADING,
    *OF_Y,
    *_of(
        "c ic i d v vp h w p q dim dmodel hidden features infeatures cols ncols inc cin din nin nembd channels "
        "inchannels vocab vocabsize classes nclasses numclasses numel size count len total nelem numelements"
    ),
)

DOING = (
    ("forward", "backward"),
    ("fwd", "bwd"),
    ("fprop", "bprop"),
    ("fw", "bw"),
    ("forward", "grad"),
    ("forward", "backprop"),
)
AROUND = _of(
    "{}_backward {}_grad d_{} d{} grad_{} {}_bwd backward_{} {}_derivative {}_prime {}_back {}_gradient "
    "{}_deriv {}_backprop {}_d deriv_{} derivative_{} {}Backward {}Grad gradient_{} {}_pullback {}_vjp"
)


def plain(name: str) -> str:
    """A name in small letters and without underscores, by which names are compared."""
    return name.lower().replace("_", "")


def called(array: str) -> tuple[str, ...]:
    """What an array of an op is called, as `plain` has it."""
    return ARRAYS.get(array, (plain(array),))


def along(name: str, aliases: Iterable[str]) -> int | None:
    """Which axis a name such as pool_height or kw speaks of, of what has these names; None if of none."""
    said = plain(name)
    for axis, ends in enumerate(ALONG):
        for end in ends:
            if (
                said != end
                and said.endswith(end)
                and (said[: -len(end)] in aliases or f"{said[: -len(end)]}size" in aliases)
            ):
                return axis
    return {"hh": 0, "ww": 1}.get(said) if "k" in aliases else None


def is_cotangent(name: str) -> bool:
    """Whether this is what a backward calls the gradient of its result."""
    said = plain(name)
    return said in COTANGENTS or (said.startswith("d") and said != "data") or "grad" in said or said.startswith("delta")


def gradient_names(of: str) -> Iterator[str]:
    """Names of the gradient of what has this name, as `plain` has them."""
    a = plain(of)
    yield from (f"d{a}", f"grad{a}", f"{a}grad", f"g{a}", f"{a}gradient", f"gradient{a}", f"delta{a}", f"{a}grads")
    yield from (
        f"grads{a}",
        f"dldd{a}",
        f"dloss{a}",
        f"dld{a}",
        f"dl{a}",
        f"d{a}s",
        f"{a}delta",
        f"del{a}",
        f"nabla{a}",
    )
    yield from (f"{a}gradients", f"gradients{a}", f"dj{a}", f"djd{a}", f"{a}d", f"dlossd{a}")
