import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.List;
import java.util.function.DoublePredicate;
import java.util.function.Supplier;
import moa.classifiers.core.driftdetection.*;

/**
 * What one of MOA's detectors costs, warm, on the streams of bench/streaming.ts: prints [nanoseconds of CPU per update, …] as JSON. One a
 * virtual machine, as code that has seen several is compiled for all of them.
 */
public final class Detectors {
  private static final int VALUES = 30_000;
  private static final double WARM_NS = 500e6;
  private static final int RUNS = 5;
  private static final double RUN_NS = 40e6;
  private static long drifts = 0;

  public static void main(String[] arguments) {
    double[] numbers = new double[VALUES];
    double[] bits = new double[VALUES];
    int state = 7;
    for (int k = 0; k < VALUES; k++) {
      state = 1_664_525 * state + 1_013_904_223;
      numbers[k] = Integer.toUnsignedLong(state) / 4294967296.0;
      bits[k] = numbers[k] < 0.2 ? 1 : 0;
    }
    switch (arguments[0]) {
      case "ddm" -> run(bits, () -> detector(new DDM()));
      case "eddm" -> run(bits, () -> detector(new EDDM()));
      case "hddm-a" -> run(bits, () -> detector(new HDDM_A_Test()));
      case "hddm-w" -> run(bits, () -> detector(new HDDM_W_Test()));
      case "page-hinkley" -> run(numbers, () -> detector(new PageHinkleyDM()));
      case "adwin, clock 32, bits" -> run(bits, () -> adwin(32));
      case "adwin, clock 32" -> run(numbers, () -> adwin(32));
      case "adwin, clock 1" -> run(numbers, () -> adwin(1));
      default -> throw new IllegalArgumentException(arguments[0]);
    }
  }

  private static DoublePredicate detector(AbstractChangeDetector detector) {
    detector.prepareForUse();
    detector.resetLearning();
    return value -> {
      detector.input(value);
      return detector.getChange();
    };
  }

  private static DoublePredicate adwin(int clock) {
    ADWIN adwin = new ADWIN(0.002);
    adwin.setClock(clock);
    return adwin::setInput;
  }

  private static void run(double[] values, Supplier<DoublePredicate> create) {
    double perStream = 0;
    for (double spent = 0; spent < WARM_NS; spent += perStream) perStream = streams(1, values, create);
    int count = (int) Math.max(1, Math.ceil(RUN_NS / perStream));
    List<String> costs = new ArrayList<>();
    for (int run = 0; run < RUNS; run++) costs.add(Double.toString(streams(count, values, create) / count / values.length));
    if (drifts < 0) throw new IllegalStateException("its drifts are counted so that nothing is optimised away");
    System.out.println(costs);
  }

  /** Nanoseconds of CPU for so many streams, each to a fresh detector. */
  private static double streams(int count, double[] values, Supplier<DoublePredicate> create) {
    long before = ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime();
    for (int k = 0; k < count; k++) drifts += feed(create.get(), values);
    return ManagementFactory.getThreadMXBean().getCurrentThreadCpuTime() - before;
  }

  private static int feed(DoublePredicate detector, double[] values) {
    int drifts = 0;
    for (double value : values) if (detector.test(value)) drifts++;
    return drifts;
  }
}
