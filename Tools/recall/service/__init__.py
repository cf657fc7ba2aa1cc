"""The recall service: a user or a history in, candidates of several channels out.

    releases     which model version answers, and how one takes over from another     tower (recall)   the user tower, ONNX
    shelf        histories, features, titles and covers, from Redis                   merge            channels into one list
    recommender  one request from beginning to end                                    app              HTTP, and the page
    load         fills Redis from a click log                                         cards (recall)   titles and covers in vecd
"""
